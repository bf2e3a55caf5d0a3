package billing

import (
	"context"
	"time"
)

// Task is a hint that a row wants work. It carries ids and no facts: whoever runs it reads the row
// and decides.
type Task struct {
	Kind    string    // such as charge:collect
	ID      string    // unique among waiting tasks; a second one with the same id is dropped
	Payload []byte    // JSON
	At      time.Time // not before; zero means at once
}

// Queue takes tasks for the workers. It may lose them: the scheduler finds every row again.
type Queue interface {
	// Enqueue adds tasks. One whose id is taken is dropped without an error. Errors: ErrUnavailable.
	Enqueue(ctx context.Context, tasks ...Task) error
}
