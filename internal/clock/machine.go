package clock

import "time"

// started is when the monotonic clock of this process begins.
var started = time.Now()

// wallNow reads the machine's wall clock. No other production code does: a test that needs a
// process with a wrong clock replaces this file in the build.
func wallNow() time.Time { return time.Now() }

// monotonicNow reads the machine's monotonic clock, which can't be set.
func monotonicNow() time.Duration { return time.Since(started) }
