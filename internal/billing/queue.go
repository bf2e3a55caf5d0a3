package billing

import (
	"context"
	"time"
)

// Task is a hint that a row needs work. It carries ids and no facts: the worker reads the row and
// decides.
type Task struct {
	Kind    string    // such as charge:collect
	ID      string    // unique among waiting tasks; a duplicate is dropped
	Payload []byte    // JSON
	At      time.Time // not before; zero means at once
}

// Queue accepts tasks for the workers. It may lose them: the scheduler finds every row again.
type Queue interface {
	// Enqueue adds tasks. A task whose id exists is dropped without an error. Errors:
	// ErrUnavailable.
	Enqueue(ctx context.Context, tasks ...Task) error
}
