package main

import (
	"context"
	"errors"
)

// partialError is a command that did some of its work: what it did stays done.
type partialError struct{ error }

// Unwrap returns what kept it from doing the rest.
func (e partialError) Unwrap() error { return e.error }

func isPartial(err error) bool {
	_, ok := errors.AsType[partialError](err)
	return ok
}

// endedEarly says that some of the work was done before err, when some was. An interruption is one
// too.
func endedEarly(err error, some bool) error {
	if err == nil || !some && !errors.Is(err, context.Canceled) {
		return err
	}
	return partialError{err}
}
