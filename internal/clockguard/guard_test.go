package clockguard_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/clockguard"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// machine is a machine whose clock can be set, a database and Stripe, whose clocks are right.
type machine struct {
	elapsed time.Duration // since noon, by the monotonic clock
	off     time.Duration // how far the wall clock is ahead
	rtt     time.Duration // of a call
	away    bool          // neither database nor Stripe answers
	asked   int           // how often the database was
}

func (m *machine) right() time.Time { return noon.Add(m.elapsed) }

func (m *machine) clock() clock.Clock {
	return clock.New(time.Time{}, 0, func() time.Time { return m.right().Add(m.off) }).WithMonotonic(func() time.Duration { return m.elapsed })
}

// database answers with the time in the middle of the call.
func (m *machine) database(context.Context) (time.Time, error) {
	m.asked++
	if m.away {
		return time.Time{}, billing.ErrUnavailable
	}
	m.elapsed += m.rtt / 2
	now := m.right()
	m.elapsed += m.rtt / 2
	return now, nil
}

// guard returns the guard of a process, with or without a database server; without one, only Stripe
// has another clock.
func (m *machine) guard(server bool) *clockguard.Guard {
	c := clockguard.Config{Clock: m.clock(), Log: zerolog.Nop()}
	if server {
		c.Database = m.database
	}
	var g *clockguard.Guard
	c.Stripe = func(context.Context) error {
		if m.away {
			return errors.New("no answer")
		}
		g.Answered(m.right().Truncate(time.Second), 0)
		return nil
	}
	g = clockguard.New(c)
	return g
}

func TestCheck_OffByMoreThanAMinute(t *testing.T) {
	t.Parallel()
	for _, server := range []bool{true, false} {
		for off, wrong := range map[time.Duration]bool{
			0: false, 55 * time.Second: false, -55 * time.Second: false, 65 * time.Second: true, -65 * time.Second: true,
			40 * 24 * time.Hour: true, -40 * 24 * time.Hour: true,
		} {
			m := &machine{off: off}
			g := m.guard(server)
			require.ErrorIs(t, g.Check(t.Context()), billing.ErrUnavailable, "nothing was compared yet")
			require.NoError(t, g.Wrong(), "which accuses nobody")
			g.Measure(t.Context())
			err := g.Check(t.Context())
			var wrongClock *clockguard.WrongClockError
			require.Equal(t, wrong, errors.As(err, &wrongClock), "%s: %v", off, err)
			if wrong {
				require.InDelta(t, off, wrongClock.Ahead, float64(time.Second))
				require.ErrorContains(t, err, map[bool]string{true: "ahead of", false: "behind"}[off > 0])
			}
		}
	}
}

// TestCheck_SlowAnswer subtracts half of a slow call: a call of 80 s shows nothing about a clock.
func TestCheck_SlowAnswer(t *testing.T) {
	t.Parallel()
	m := &machine{rtt: 80 * time.Second}
	g := m.guard(true)
	g.Measure(t.Context())
	require.NoError(t, g.Check(t.Context()))
	g.Answered(m.right().Add(-40*time.Second), 80*time.Second)
	require.NoError(t, g.Check(t.Context()))
	g.Answered(m.right().Add(-70*time.Second), 0)
	require.ErrorContains(t, g.Check(t.Context()), "ahead of the clock of Stripe")
}

func TestCheck_ClockIsSet(t *testing.T) {
	t.Parallel()
	for _, server := range []bool{true, false} {
		for _, off := range []time.Duration{time.Hour, -time.Hour} {
			m := &machine{}
			g := m.guard(server)
			g.Measure(t.Context())
			m.elapsed += 10 * time.Second
			require.NoError(t, g.Check(t.Context()))

			m.off = off
			require.Error(t, g.Check(t.Context()), "seen at once, not in a minute")
			require.Error(t, g.Wrong())
			m.off = 0
			require.NoError(t, g.Check(t.Context()), "it resumes by itself")

			m.away, m.off = true, 10*time.Second
			require.ErrorIs(t, g.Check(t.Context()), billing.ErrUnavailable, "set, and nothing to compare with")
			require.Error(t, g.Wrong())
			asked := m.asked
			for range 10 {
				require.Error(t, g.Check(t.Context()))
			}
			require.Equal(t, asked, m.asked, "it is not asked for each task")
			m.away = false
			m.elapsed += 5 * time.Second
			require.NoError(t, g.Check(t.Context()), "ten seconds are allowed")
		}
	}
}

func TestAnswered_NoDate(t *testing.T) {
	t.Parallel()
	m := &machine{}
	g := m.guard(false)
	g.Answered(time.Time{}, 0)
	require.NoError(t, g.Check(t.Context()), "there is nothing to compare with")
}

// TestRun_ComparesAgain requires that Run finds a drifting clock, and a clock that was set, without
// a call of Check.
func TestRun_ComparesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var off, asked atomic.Int64
		c := clock.New(time.Time{}, 0, func() time.Time { return time.Now().Add(time.Duration(off.Load())) })
		g := clockguard.New(clockguard.Config{Clock: c, Log: zerolog.Nop(), Database: func(context.Context) (time.Time, error) {
			asked.Add(1)
			return time.Now(), nil
		}})
		g.Measure(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { g.Run(ctx); close(ended) }()
		<-time.After(10*time.Minute + time.Second)
		require.Equal(t, int64(11), asked.Load(), "about once a minute")
		off.Store(int64(time.Hour))
		<-time.After(2 * time.Second)
		require.Error(t, g.Wrong())
		off.Store(0)
		<-time.After(6 * time.Second)
		require.NoError(t, g.Wrong())
		cancel()
		<-ended
	})
}
