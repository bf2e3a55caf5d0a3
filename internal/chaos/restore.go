package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// window is the simulated time that a restored database has lost: from the copy until the restore.
type window struct{ From, To time.Time }

// holds reports whether a time lies in the window. The slack covers work that was in progress at
// its edges.
func (w window) holds(at time.Time, slack time.Duration) bool {
	return !at.IsZero() && !at.Before(w.From.Add(-slack)) && !at.After(w.To.Add(slack))
}

// restore copies the database, lets everything run for a while, and restores the copy: every commit
// in between is lost. Tranche keeps running and Redis keeps its data, as in a failover to a standby
// that lags.
func (b *breaker) restore(ctx context.Context, after time.Duration) error {
	w := b.world
	if !w.postgres.take() {
		return fmt.Errorf("%s already has a fault", w.postgres.name)
	}
	defer w.postgres.release()
	data, kept := filepath.Join(w.dir, "postgres"), filepath.Join(w.dir, "postgres-copy")
	var lost window
	err := w.postgres.whileDown(ctx, syscall.SIGINT, func() error {
		lost.From = w.clock.Now()
		return copyTree(ctx, data, kept)
	})
	if err != nil {
		return err
	}
	pause(ctx, after)
	return w.postgres.whileDown(context.WithoutCancel(ctx), syscall.SIGQUIT, func() error {
		if err := copyTree(ctx, kept, data); err != nil {
			return err
		}
		lost.To = w.clock.Now()
		w.lose(lost)
		return nil
	})
}

// copyTree replaces a directory with a copy of another, with owners and modes.
func copyTree(ctx context.Context, from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	out, err := exec.CommandContext(context.WithoutCancel(ctx), "cp", "-a", from, to).CombinedOutput() //nolint:gosec // both are the harness's own
	if err != nil {
		return fmt.Errorf("copy %s: %w: %s", from, err, out)
	}
	return nil
}

// lose records a lost window.
func (w *world) lose(lost window) {
	w.noteMu.Lock()
	w.lost = append(w.lost, lost)
	w.noteMu.Unlock()
	w.note("database restored: everything from %s to %s is lost", lost.From.Format(time.DateTime), lost.To.Format(time.DateTime))
}

// windows returns the lost windows.
func (w *world) windows() []window {
	w.noteMu.Lock()
	defer w.noteMu.Unlock()
	return append([]window(nil), w.lost...)
}
