package queue_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"tranche/internal/catchup"
	"tranche/internal/queue"
	"tranche/internal/queue/queuetest"
)

// recorder opens a recorder of the witness's size, as each process does.
func recorder(t *testing.T, o asynq.RedisConnOpt, name string) *queue.Recorder {
	t.Helper()
	r, err := queue.NewRecorder(o, name, catchup.MaxMarks)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// add records lines, one after the other.
func add(t *testing.T, r *queue.Recorder, lines ...string) {
	t.Helper()
	for _, line := range lines {
		require.NoError(t, r.Add(t.Context(), line))
	}
}

// lines returns the stored lines.
func lines(t *testing.T, r *queue.Recorder) []string {
	t.Helper()
	kept, err := r.Lines(t.Context())
	require.NoError(t, err)
	return kept
}

// numbered returns n numbered lines, in the order of recording.
func numbered(name string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(name, i)
	}
	return all
}

// recorderTests lists the tests that a recorder must pass on each kind of Redis.
func recorderTests() map[string]func(t *testing.T, o asynq.RedisConnOpt) {
	return map[string]func(t *testing.T, o asynq.RedisConnOpt){
		"the newest lines are kept, newest first": func(t *testing.T, o asynq.RedisConnOpt) {
			r, all := recorder(t, o, "witness"), numbered("line ", catchup.MaxMarks+20)
			add(t, r, all...)
			want := slices.Clone(all[20:])
			slices.Reverse(want)
			require.Equal(t, want, lines(t, r))
			require.NoError(t, r.Remove(t.Context(), want[0], want[5]))
			require.Equal(t, slices.Concat(want[1:5], want[6:]), lines(t, r))
			require.Equal(t, lines(t, r), lines(t, recorder(t, o, "witness")), "they outlive the process")
		},
		"a flush forgets the lines and stops nothing": func(t *testing.T, o asynq.RedisConnOpt) {
			r := recorder(t, o, "witness")
			add(t, r, "before")
			client := o.MakeRedisClient().(redis.UniversalClient)
			t.Cleanup(func() { _ = client.Close() })
			require.NoError(t, client.FlushDB(t.Context()).Err())
			require.Empty(t, lines(t, r))
			require.NoError(t, r.Remove(t.Context(), "before"))
			add(t, r, "after")
			require.Equal(t, []string{"after"}, lines(t, r))
		},
		"two processes write one record": func(t *testing.T, o asynq.RedisConnOpt) {
			const each = catchup.MaxMarks / 2
			processes := map[string]*queue.Recorder{"a": recorder(t, o, "witness"), "b": recorder(t, o, "witness")}
			var writing sync.WaitGroup
			for name, r := range processes {
				writing.Go(func() {
					for _, line := range numbered(name, each) {
						if err := r.Add(t.Context(), line); err != nil {
							t.Error(err)
						}
					}
				})
			}
			writing.Wait()
			want := append(numbered("a", each), numbered("b", each)...)
			for _, r := range processes {
				require.ElementsMatch(t, want, lines(t, r))
			}
			require.Empty(t, lines(t, recorder(t, o, "witness:of another database")))
		},
	}
}

func TestRecorder(t *testing.T) {
	t.Parallel()
	queuetest.RunSuite(t, queuetest.Engines(), recorderTests())
}
