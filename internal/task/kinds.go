package task

import (
	"tranche/internal/billing"
)

// The kinds of tasks. Each kind has one processor in package jobs.
const (
	// KindHandleEvent handles one Stripe event from the inbox.
	KindHandleEvent = "event:handle"
	// KindCollectCharge charges a saved card for an amount that is due, or makes the refund or
	// cancellation that an ended charge still needs.
	KindCollectCharge = "charge:collect"
	// KindRetryCharge tries a declined charge again. It has its own queue, so that many retries do not
	// delay the charges that fall due.
	KindRetryCharge = "charge:retry"
	// KindStepDunning takes the step of a charge's dunning that is due: the reminder, the final notice,
	// or the deadline. Its row is the charge.
	KindStepDunning = "dunning:step"
	// KindSendNotice sends one notice from the outbox to a customer.
	KindSendNotice = "notice:send"
	// KindNotifyUpcoming enqueues the notice that a charge falls due. Its row is the charge.
	KindNotifyUpcoming = "notice:upcoming"
	// KindNotifyExpiring enqueues the notice that a card expires. Its row is the card.
	KindNotifyExpiring = "notice:expiring"
	// KindRemindCheckout enqueues the notice that a checkout is not completed. Its row is the plan.
	KindRemindCheckout = "notice:checkout"
	// KindDeliverWebhook posts one message to one of the merchant's endpoints.
	KindDeliverWebhook = "webhook:deliver"
)

// ForEvent returns the task for a claimed or newly stored event.
func ForEvent(c billing.EventClaim) billing.Task {
	return New(KindHandleEvent, c.EventID, c.Lease)
}

// ForCharge returns the task for a claimed charge: a retry if the charge was declined, else a
// collection.
func ForCharge(c billing.Claim) billing.Task {
	if c.Status == billing.ChargeRetrying {
		return New(KindRetryCharge, string(c.ChargeID), c.Lease)
	}
	return New(KindCollectCharge, string(c.ChargeID), c.Lease)
}

// ForDunning returns the task for a claimed dunning.
func ForDunning(c billing.DunningClaim) billing.Task {
	return New(KindStepDunning, string(c.ChargeID), c.Lease)
}

// ForNotice returns the task for a claimed notice.
func ForNotice(c billing.NoticeClaim) billing.Task {
	return New(KindSendNotice, string(c.NoticeID), c.Lease)
}

// ForDelivery returns the task for a claimed delivery of a message.
func ForDelivery(c billing.DeliveryClaim) billing.Task {
	return New(KindDeliverWebhook, string(c.DeliveryID), c.Lease)
}
