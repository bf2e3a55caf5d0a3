// Package mutants holds guards of the code, each with the test that notices when it is gone. It has
// no code of its own: with the build tag mutants, its test removes one guard at a time from a copy
// of the source, and the named test must fail.
package mutants
