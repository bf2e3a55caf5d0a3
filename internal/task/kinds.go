package task

import (
	"tranche/internal/billing"
)

// KindCollectCharge is the task that charges a saved card for an amount that is due.
const KindCollectCharge = "charge:collect"

// ForCharge makes the task for a claimed charge.
func ForCharge(c billing.Claim) billing.Task {
	if c.Status == billing.ChargeRetrying {
		return New(KindRetryCharge, string(c.ChargeID), c.Lease)
	}
	return New(KindCollectCharge, string(c.ChargeID), c.Lease)
}

// KindDeliverWebhook is the task that posts one message to one of the merchant's endpoints.
const KindDeliverWebhook = "webhook:deliver"

// ForDelivery returns the task for a claimed delivery.
func ForDelivery(c billing.DeliveryClaim) billing.Task {
	return New(KindDeliverWebhook, string(c.DeliveryID), c.Lease)
}

// KindStepDunning is the task for a dunning that is due: for a reminder, the final notice, or the
// deadline.
const KindStepDunning = "dunning:step"

// ForDunning makes the task for a claimed dunning.
func ForDunning(c billing.DunningClaim) billing.Task {
	return New(KindStepDunning, string(c.ChargeID), c.Lease)
}

// KindHandleEvent is the task that handles one Stripe event from the inbox.
const KindHandleEvent = "event:handle"

// ForEvent returns the task for a claimed or newly stored event.
func ForEvent(c billing.EventClaim) billing.Task {
	return New(KindHandleEvent, c.EventID, c.Lease)
}

// KindSendNotice is the task that sends one notice from the outbox.
const KindSendNotice = "notice:send"

// ForNotice makes the task for a claimed notice.
func ForNotice(c billing.NoticeClaim) billing.Task {
	return New(KindSendNotice, string(c.NoticeID), c.Lease)
}

// Tasks that enqueue advance notices for customers. The scheduler finds the charges and cards, and
// a worker runs the tasks.
const (
	KindNotifyUpcoming = "notice:upcoming"
	KindNotifyExpiring = "notice:expiring"
	KindRemindCheckout = "notice:checkout"
)

// KindRetryCharge is the task that tries a declined charge again, on the same PaymentIntent. It has
// its own queue, so that many retries do not delay the charges that fall due.
const KindRetryCharge = "charge:retry"
