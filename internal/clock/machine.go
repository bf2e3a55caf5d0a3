package clock

import "time"

// started is where the monotonic clock of this process begins.
var started = time.Now()

// wallNow reads the machine's wall clock. It is the only place in production code that does: a test
// that wants a process with a wrong clock replaces this file in the build.
func wallNow() time.Time { return time.Now() }

// monotonicNow reads the machine's monotonic clock, which nobody can set.
func monotonicNow() time.Duration { return time.Since(started) }
