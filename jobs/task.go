package jobs

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"tranche/internal/billing"
	"tranche/internal/queue"
)

// payload is the content of every task.
type payload struct {
	ID    string `json:"id"`
	Lease int64  `json:"lease"`
}

// newTask makes a task for one lease of a row. The lease is part of the task's id, so a row that is
// claimed again gets a new task even while the old one is still in the queue.
func newTask(kind, id string, lease int64, at time.Time) billing.Task {
	body, _ := json.Marshal(payload{ID: id, Lease: lease}) // a string and a number always encode
	return billing.Task{Kind: kind, ID: fmt.Sprintf("%s:%s:%d", kind, id, lease), Payload: body, At: at}
}

// maxRetry is how often asynq runs a task again after its worker failed or died. After that, the
// scheduler claims the row when its time comes.
const maxRetry = 10

// taskTimeout ends a task that hangs. It is longer than any call to Stripe or to a mail server.
const taskTimeout = time.Minute

// Routes returns the queue of each kind of task, with its retries and timeout.
func Routes() map[string]queue.Route {
	route := func(name string) queue.Route {
		return queue.Route{Queue: name, MaxRetry: maxRetry, Timeout: taskTimeout}
	}
	return map[string]queue.Route{
		KindHandleEvent:   route(queue.Events),
		KindCollectCharge: route(queue.Charges),
		KindRetryCharge:   route(queue.Retries),
		KindSendNotice:    route(queue.Notices),
		KindStepDunning:   route(queue.Retries),

		KindDeliverWebhook: route(queue.Webhooks),
		KindTellUpcoming:   route(queue.Notices),
		KindTellExpiring:   route(queue.Notices),
		KindTellCheckout:   route(queue.Notices),
	}
}

// decode reads a task's payload. A task with an unreadable payload is dropped: the scheduler claims
// its row again.
func decode(t *asynq.Task) (payload, error) {
	var p payload
	if err := json.Unmarshal(t.Payload(), &p); err != nil {
		return p, fmt.Errorf("read payload of %s: %w: %w", t.Type(), err, asynq.SkipRetry)
	}
	return p, nil
}
