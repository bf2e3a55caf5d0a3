package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/clock"
)

// wall is the real clock.
func wall() time.Time { return clock.Clock{}.Wall() }

// pause waits and reports whether it waited to the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// final is an error that waiting cannot fix.
type final struct{ error }

// Unwrap implements the convention of package errors.
func (f final) Unwrap() error { return f.error }

// eventually calls try until it succeeds or fails for good, and returns the last error when time is
// up.
func eventually(ctx context.Context, within, every time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil || errors.As(err, new(final)) {
			return err
		}
		if !pause(ctx, every) {
			return fmt.Errorf("after %s: %w", within, err)
		}
	}
}
