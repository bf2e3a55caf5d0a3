package task

import (
	"encoding/json"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Payload is the content of every task.
type Payload struct {
	ID    string `json:"id"`
	Lease int64  `json:"lease"`
}

// New makes a task for one lease of a row, to be run at once. The lease is part of the task's id,
// so a row that is claimed again gets a new task even while the old one is still in the queue. That
// is also how the queue recognizes a duplicate.
func New(kind, id string, lease int64) billing.Task { return At(kind, id, lease, time.Time{}) }

// At makes a task as New does, to be run at the given time.
func At(kind, id string, lease int64, at time.Time) billing.Task {
	body, _ := json.Marshal(Payload{ID: id, Lease: lease}) // a string and a number always encode
	return billing.Task{Kind: kind, ID: fmt.Sprintf("%s:%s:%d", kind, id, lease), Payload: body, At: at}
}

// Read reads the payload of a task. Errors: those of encoding/json.
func Read(body []byte) (Payload, error) {
	var p Payload
	err := json.Unmarshal(body, &p)
	return p, err
}
