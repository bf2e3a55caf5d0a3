//go:build !race

package handlers_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// hostileBatch is how many inputs a pair of databases takes: its lists grow with them.
	hostileBatch = 2000
	// hostileRenewal is how many inputs pass before there are new plans.
	hostileRenewal = 400
)

// TestHostileInputs sends the same hostile requests to two instances, one on each database: to
// every route of the API, to the recovery page, and as signed events, which a worker then handles.
// Nothing panics, no answer is a 5xx, and both databases give the same answers. INPUTS is the
// number of inputs, and HOSTILE_SEED the seed of the first batch; each batch prints its own. It is
// not parallel, because it replaces the source of ids.
func TestHostileInputs(t *testing.T) {
	inputs, seed := hostileSetting(t, "INPUTS", 3000), hostileSetting(t, "HOSTILE_SEED", 1)
	began, done := time.Now(), 0
	for batch := 0; batch < inputs; batch += hostileBatch {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			runHostileBatch(t, uint64(seed), min(hostileBatch, inputs-batch), &done)
		})
		fmt.Fprintf(os.Stdout, "hostile inputs: %d of %d, %.0f a second (seed %d)\n", done, inputs, float64(done)/time.Since(began).Seconds(), seed)
		seed++
	}
}

func hostileSetting(t *testing.T, name string, standard int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

func runHostileBatch(t *testing.T, seed uint64, count int, done *int) {
	t.Helper()
	tw := newHostileTwins(t, seed)
	source := newHostileSource(seed, tw)
	for i := range count {
		if i%hostileRenewal == 0 {
			tw.renew(i / hostileRenewal)
			source.know()
			source.fields = tw.fields()
		}
		in := source.next()
		*done++
		if _, fault := tw.compare(in); fault != "" {
			t.Fatalf("seed %d, input %d: %s\n%s\nrepeat it with HOSTILE_SEED=%d INPUTS=%d", seed, i, fault, in, seed, i+1)
		}
	}
}

// fields returns the fields of every route.
func (tw *hostileTwins) fields() (fields map[string][]bodyField) {
	tw.step(func(w *hostileWorld) string {
		fields = fieldsByRoute(tw.t, w.handler, tw.last("plan", 0))
		return ""
	})
	return fields
}

// TestHostileInputs_EveryField sends every hostile value in every field of every route of the API,
// on both databases, as TestHostileInputs sends some of them.
func TestHostileInputs_EveryField(t *testing.T) {
	tw := newHostileTwins(t, 5)
	source := newHostileSource(5, tw)
	tw.renew(0)
	fields := tw.fields()
	for _, pattern := range slices.Sorted(maps.Keys(fields)) {
		for i, f := range fields[pattern] {
			body := cmp.Or(append(source.bodies[pattern], "{}")[0], "{}")
			for _, value := range source.values {
				in := source.to(pattern, func(resource, _ string) string { return source.id(hostilePrefix(resource)) })
				in.body = f.in(t, source.draw(body), value)
				if _, fault := tw.compare(in); fault != "" {
					t.Fatalf("%s, field %d (%s): %s\n%s", pattern, i, f, fault, in)
				}
			}
		}
	}
}

// compare sends a request to both worlds and returns the answer, with its status first, and what is
// wrong with the answers.
func (tw *hostileTwins) compare(in hostileInput) (answer, fault string) {
	shown := tw.step(func(w *hostileWorld) string {
		text, wrong := w.try(in)
		if wrong != "" {
			fault = w.name + ": " + wrong
		}
		return text
	})
	if shown[0] != shown[1] {
		shown[0], shown[1] = withoutSeq(shown[0]), withoutSeq(shown[1])
	}
	if fault == "" && shown[0] != shown[1] {
		from := max(0, differAt(shown[0], shown[1])-300)
		fault = fmt.Sprintf("the databases differ:\n%s: %.900s\n%s: %.900s", tw.worlds[0].name, shown[0][from:], tw.worlds[1].name, shown[1][from:])
	}
	tw.learn(shown[0])
	return shown[0], fault
}

// entrySeq is the number of an audit entry, which lists and exports show.
var entrySeq = regexp.MustCompile(`"seq":\d+|"next_cursor":"\d+"|(?m)^\d+,`)

// withoutSeq leaves out the numbers of audit entries: PostgreSQL does not use a number again whose
// transaction was rolled back, and SQLite does.
func withoutSeq(text string) string { return entrySeq.ReplaceAllString(text, "seq") }

// differAt is where two texts begin to differ.
func differAt(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// try sends a request, has the worker handle the event that it may be, and returns all that can be
// seen of both.
func (w *hostileWorld) try(in hostileInput) (text, fault string) {
	defer func() {
		if p := recover(); p != nil {
			fault = fmt.Sprintf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	a, err := w.do(in)
	if err != nil {
		return "not sent", ""
	}
	if a.status >= 500 {
		return "", fmt.Sprintf("status %d: %s", a.status, a.body)
	}
	text = fmt.Sprintln(a.status, a.header.Get("Content-Type"), a.header.Get("Location"), a.header.Get("Retry-After"), a.header.Get("Idempotent-Replayed"))
	return text + string(a.body) + w.handle(a), ""
}
