package main

import (
	"context"
	"errors"
)

// partialError is the error of a command that did a part of its work, which is kept.
type partialError struct{ error }

// Unwrap returns the error that ended the command.
func (e partialError) Unwrap() error { return e.error }

func isPartial(err error) bool {
	_, ok := errors.AsType[partialError](err)
	return ok
}

// endedEarly returns err as a partialError if a part of the work was done before it. An
// interruption counts as an error.
func endedEarly(err error, some bool) error {
	if err == nil || !some && !errors.Is(err, context.Canceled) {
		return err
	}
	return partialError{err}
}
