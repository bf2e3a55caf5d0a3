package jobs

import (
	"time"

	"tranche/internal/queue"
	"tranche/internal/task"
)

// maxRetry is how often asynq runs a task again after its processor failed or its process died.
// After that, the scheduler claims the row when its time comes.
const maxRetry = 10

// taskTimeout ends a task that hangs. It is longer than any call to Stripe or to a mail server.
const taskTimeout = time.Minute

// Routes returns the queue of each kind of task, with its retries and timeout.
func Routes() map[string]queue.Route {
	route := func(name string) queue.Route {
		return queue.Route{Queue: name, MaxRetry: maxRetry, Timeout: taskTimeout}
	}
	return map[string]queue.Route{
		task.KindHandleEvent:    route(queue.Events),
		task.KindCollectCharge:  route(queue.Charges),
		task.KindRetryCharge:    route(queue.Retries),
		task.KindSendNotice:     route(queue.Notices),
		task.KindStepDunning:    route(queue.Retries),
		task.KindDeliverWebhook: route(queue.Webhooks),
		task.KindNotifyUpcoming: route(queue.Notices),
		task.KindNotifyExpiring: route(queue.Notices),
		task.KindRemindCheckout: route(queue.Notices),
	}
}
