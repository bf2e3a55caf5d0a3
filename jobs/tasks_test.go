package jobs_test

import (
	"tranche/internal/billing"
	"tranche/internal/task"
)

// The tasks of rows, for tests that name the row or its lease themselves.

func collectTask(id string, lease int64) billing.Task {
	return task.New(task.KindCollectCharge, id, lease)
}
func retryTask(id string, lease int64) billing.Task  { return task.New(task.KindRetryCharge, id, lease) }
func eventTask(id string, lease int64) billing.Task  { return task.New(task.KindHandleEvent, id, lease) }
func noticeTask(id string, lease int64) billing.Task { return task.New(task.KindSendNotice, id, lease) }
func dunningTask(id string, lease int64) billing.Task {
	return task.New(task.KindStepDunning, id, lease)
}
func deliveryTask(id string, lease int64) billing.Task {
	return task.New(task.KindDeliverWebhook, id, lease)
}
func upcomingTask(id string, lease int64) billing.Task {
	return task.New(task.KindNotifyUpcoming, id, lease)
}
func expiringTask(id string, lease int64) billing.Task {
	return task.New(task.KindNotifyExpiring, id, lease)
}
func checkoutTask(id string, lease int64) billing.Task {
	return task.New(task.KindRemindCheckout, id, lease)
}
