package task

import (
	"encoding/json"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Payload is the content of every task.
type Payload struct {
	ID    string `json:"id"`    // of the row that the task is for
	Lease int64  `json:"lease"` // that the row had when the task was made
}

// New returns a task of a kind for one lease of a row, to be run at once. The kind, the row's id
// and the lease are the task's id. So the queue recognizes a duplicate, and a row that is claimed
// again gets a new task even while the old one is still in the queue.
func New(kind, id string, lease int64) billing.Task { return At(kind, id, lease, time.Time{}) }

// At returns a task as New does, to be run at the given time.
func At(kind, id string, lease int64, at time.Time) billing.Task {
	body, _ := json.Marshal(Payload{ID: id, Lease: lease}) // a string and a number always encode
	return billing.Task{Kind: kind, ID: fmt.Sprintf("%s:%s:%d", kind, id, lease), Payload: body, At: at}
}

// Read decodes the payload of a task. Errors: an error of encoding/json.
func Read(body []byte) (Payload, error) {
	var p Payload
	err := json.Unmarshal(body, &p)
	return p, err
}
