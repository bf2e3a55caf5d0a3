package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// clockSource is the file of Tranche that reads the machine's clocks. clockWithSteps replaces it
// with a wall clock that is wrong by the duration in a file. Processes on one machine share its
// clock, so the clock of a single process cannot be made wrong otherwise.
const (
	clockSource = "internal/clock/machine.go"

	clockWithSteps = `package clock

import (
	"os"
	"strings"
	"sync/atomic"
	"time"
)

var (
	started = time.Now()
	offset  atomic.Int64 // of the wall clock
	looked  atomic.Int64 // when the file was read, on the monotonic clock
)

func monotonicNow() time.Duration { return time.Since(started) }

func wallNow() time.Time {
	if now := int64(monotonicNow()); now-looked.Load() > int64(10*time.Millisecond) || looked.Load() == 0 {
		looked.Store(now)
		text, _ := os.ReadFile(os.Getenv("CHAOS_CLOCK_FILE"))
		off, _ := time.ParseDuration(strings.TrimSpace(string(text)))
		offset.Store(int64(off))
	}
	return time.Now().Add(time.Duration(offset.Load()))
}
`
)

// steppable builds Tranche with a clock that can be set wrong, if the fault plan needs one.
func (w *world) steppable(ctx context.Context, steps []step) error {
	if !slices.ContainsFunc(steps, func(s step) bool { return s.Kind == stepClock }) {
		return nil
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(w.dir, "steppable")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	w.binary, err = buildWith(ctx, root, dir, map[string]string{clockSource: clockWithSteps})
	return err
}

// clockFile returns the file that holds the clock error of a process.
func (w *world) clockFile(s *service) string { return filepath.Join(w.dir, "steppable", s.name) }

// stepClock sets the clock of a process wrong for a while.
func (b *breaker) stepClock(ctx context.Context, s *service, off, within time.Duration) error {
	if !s.take() {
		return fmt.Errorf("%s already has a fault", s.name)
	}
	defer s.release()
	file := b.world.clockFile(s)
	if err := os.WriteFile(file+".new", []byte(off.String()), 0o600); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	pause(ctx, within)
	return os.Remove(file)
}
