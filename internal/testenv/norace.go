//go:build !race

package testenv

// RaceDetector reports whether the tests run with the race detector. It slows SQLite, which is C
// translated to Go, about ten times.
const RaceDetector = false
