package billing

import "slices"

// MessageType is one type of message, and what it says.
type MessageType struct {
	Type string
	Doc  string // when it is sent, in a sentence
}

// MessageTypes lists every type of message, as docs/webhooks.md explains them. A test finds actions
// of audit entries that are missing here.
func MessageTypes() []MessageType {
	return slices.Concat(planMessages(), chargeMessages(), cardMessages(), noticeMessages(), incidentMessages())
}

func planMessages() []MessageType {
	return []MessageType{
		{"plan.created", "A plan was made; its customer is to pay the first charge in your checkout, or to give a card, unless a saved card was named."},
		{"plan.imported", "A plan that was collected elsewhere before was imported; it charges what is left when it falls due."},
		{"plan.discarded", "Stripe refused the first payment or the SetupIntent of a plan, so the plan was removed again; your request was answered with the reason."},
		{"plan.active", "The first payment or the card arrived, or everything that was past due is paid: the plan charges what falls due."},
		{"plan.shifted", "The first payment, or the card, came so late that the later charges were moved by as many days."},
		{"plan.card_removed", "The card of the plan was removed, and no other one may be charged: its next charge asks for one."},
		{"plan.zone_changed", "The customer's time zone was changed, and with it the instants at which charges fall due."},
		{"plan.past_due", "A charge of the plan was declined and is not paid yet."},
		{"plan.paused", "The plan charges nothing until it is resumed."},
		{"plan.resumed", "A paused plan charges again."},
		{"plan.card_changed", "You named another saved card of the customer's for the plan."},
		{"plan.catch_up_changed", "You chose what becomes of the plan's charges that an outage misses."},
		{"plan.extended", "Charges were added to the end of the plan."},
		{"plan.fee_added", "A fee was added to the plan."},
		{"plan.pulled_forward", "Everything that was left is due now, as one charge."},
		{"plan.remaining_changed", "What is left to pay was changed."},
		{"plan.restarted", "A plan that was given up collects again."},
		{"plan.total_changed", "A dropped charge was paid in the last moment and counts in the total again."},
		{"plan.completed", "Everything is paid."},
		{"plan.canceled", "The plan will charge nothing more."},
		{"plan.defaulted", "The plan was given up as unpaid."},
	}
}

func chargeMessages() []MessageType {
	return []MessageType{
		{"charge.scheduled", "The next charge of a recurring plan is written; it falls due at `due_at`."},
		{"charge.collect_requested", "You asked for a charge that waited for your word."},
		{"charge.collecting", "An attempt at a charge was begun; what becomes of it follows as another message."},
		{"charge.succeeded", "A charge is paid."},
		{"charge.declined", "The customer tried to pay a charge and was declined."},
		{"charge.retrying", "A charge was declined, or a new card came, and it will be tried again at `next_attempt_at`."},
		{"charge.requires_action", "The bank wants the customer to authenticate; the customer is asked."},
		{"charge.requires_payment_method", "The card can't pay this charge; the customer is asked for another."},
		{"charge.failed", "A charge was given up; the customer may still pay it."},
		{"charge.canceled", "A charge will not be collected."},
		{"charge.amount_differs", "Stripe took another amount than the charge's; somebody must look."},
		{"charge.payment_intent_replaced", "Stripe cancelled the charge's PaymentIntent by itself; a new one will be made."},
		{"charge.payment_intent_canceling", "The charge's PaymentIntent can't be confirmed again; it is canceled, and a new one will be made."},
		{"charge.payment_intent_found", "Stripe had a PaymentIntent of the charge that the database had lost; the charge takes it."},
		{"charge.put_off", "A card network's cap is reached: the charge is tried later, at `next_attempt_at`."},
		{"charge.new_card", "The customer gave another card for a charge that waits."},
		{"charge.reminder", "The customer is asked once more to pay."},
		{"charge.final_notice", "The customer is told that the plan will be given up."},
		{"charge.plan_defaulted", "The customer is told that the plan was given up."},
		{"charge.given_up", "The deadline for a charge passed; the later charges go on."},
		{"charge.voided", "The PaymentIntent of a canceled charge is canceled at Stripe: nobody can pay it any more."},
		{"charge.fraud_warned", "The card's issuer warned of fraud about a payment; the plan is paused."},
		{"charge.refunded", "A payment was given back at Stripe, in full or in part, or a refund failed: see `amount_refunded`."},
		{"charge.disputed", "A dispute about a payment was opened, or has come further: see `dispute_status`."},
		{"charge.skipped", "A charge was dropped, or its amount moved to the end of the plan."},
		{"charge.moved", "A charge falls due on another date."},
		{"charge.amount_changed", "A charge has another amount."},
		{"charge.split", "A charge was split in two."},
		{"charge.pulled_forward", "A charge is due now instead of at its date."},
		{"charge.paid_outside", "You told that a charge was paid without Stripe."},
		{"charge.paid_twice", "A second payment for a paid charge arrived, or a payment at Stripe for a charge that was paid outside; see the incident."},
		{"charge.written_off", "A charge will not be collected; it stays in the total as a loss."},
		{"charge.refund_ordered", "You ordered the refund of a second payment."},
		{"charge.refund_made", "Stripe accepted a refund that you ordered."},
		{"charge.refund_failed", "Stripe refused a refund that you ordered, or a refund failed at the bank later; see the incident."},
		{"charge.retry_requested", "Somebody asked for a charge to be tried again at once."},
	}
}

func cardMessages() []MessageType {
	return []MessageType{
		{"card.saved", "A card was saved for the later charges of a plan."},
		{"card.made_default", "You made a card the customer's default card."},
		{"card.held", "The network replaced a card by one of another brand: it is not charged until the customer agrees."},
		{"card.released", "A card that was held may be charged again."},
		{"card.removed", "You, or the customer on the recovery page, removed a card: it is not charged any more."},
		{"card.merged", "The customer gave the same number again: the newer card takes the place of the older one, which is detached."},
		{"card.detach_failed", "Stripe refuses to detach a card that was removed; it is not charged, and Stripe is asked again tomorrow."},
		{"card.not_saved", "The card that paid can't be charged later."},
		{"card.moved", "A charge is tried with another card from now on."},
		{"card.revoked", "A card will not be charged again: it was reported lost or stolen, or consent was withdrawn."},
		{"card.detached", "A card was removed from the customer at Stripe, there or because it was removed here."},
	}
}

func noticeMessages() []MessageType {
	return []MessageType{
		{"notice.sent", "A mail to the customer was accepted by the mail server."},
		{"notice.kept", "A mail to the customer was written and kept, because no mail server is set."},
		{"notice.retry_requested", "Somebody asked for a mail to be sent again."},
		{"notice.dropped", "A mail to the customer was no longer true when its turn came, and was not sent."},
		{"notice.failed", "A mail to the customer can't be delivered."},
	}
}

func incidentMessages() []MessageType {
	return []MessageType{
		{"incident.opened", "Something happened that a person must answer, such as a second payment or a failed refund; `incident` says what to do."},
		{"incident.closed", "An incident was answered, by you or because its cause is gone."},
	}
}
