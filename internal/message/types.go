package message

import (
	"fmt"
	"slices"
	"strings"

	"tranche/internal/billing"
)

// Type is one type of message, with its meaning.
type Type struct {
	Type string
	Doc  string // when it is sent, in one sentence
}

// Types lists every type of message, for docs/webhooks.md. A test finds actions of audit
// entries that are missing here.
func Types() []Type {
	return slices.Concat(planMessages(), chargeMessages(), cardMessages(), noticeMessages(), incidentMessages())
}

func planMessages() []Type {
	return []Type{
		{"plan.created", "A plan was created; its customer is to pay the first charge in your checkout, or to enter a card, unless the plan uses a saved card."},
		{"plan.imported", "A plan of another system was imported; its remaining charges are made when they fall due."},
		{"plan.discarded", "Stripe refused the first payment or the SetupIntent of a plan, so the plan was removed; the answer to your request has the reason."},
		{"plan.active", "The first payment or the card arrived, or all past-due charges are paid: the plan makes its charges when they fall due."},
		{"plan.shifted", "The first payment, or the card, was so late that the later charges moved by as many days."},
		{"plan.card_removed", "The card of the plan was removed, and no other card may be charged: the next charge asks for a card."},
		{"plan.zone_changed", "The customer's time zone changed, and with it the instants of future charges."},
		{"plan.past_due", "A charge of the plan was declined and is not paid yet."},
		{"plan.paused", "The plan charges nothing until it is resumed."},
		{"plan.resumed", "A paused plan charges again."},
		{"plan.card_changed", "You chose another saved card of the customer for the plan."},
		{"plan.catch_up_changed", "You chose how the plan makes up for charges that an outage misses."},
		{"plan.extended", "Charges were added to the end of the plan."},
		{"plan.fee_added", "A fee was added to the plan."},
		{"plan.pulled_forward", "All remaining charges are due now, as one charge."},
		{"plan.remaining_changed", "The remaining charges were changed."},
		{"plan.restarted", "A defaulted plan collects again."},
		{"plan.total_changed", "A dropped charge was paid meanwhile and counts in the total again."},
		{"plan.completed", "Everything is paid."},
		{"plan.canceled", "The plan will charge nothing more."},
		{"plan.defaulted", "The plan is unpaid at its deadline, and has defaulted."},
	}
}

func chargeMessages() []Type {
	return []Type{
		{"charge.scheduled", "The next charge of a recurring plan is written; it falls due at `due_at`."},
		{"charge.collect_requested", "You requested a charge that is due on request."},
		{"charge.collecting", "An attempt at a charge began; its outcome follows in another message."},
		{"charge.succeeded", "A charge is paid."},
		{"charge.declined", "The customer tried to pay a charge and was declined."},
		{"charge.retrying", "A charge was declined, or a new card came, and it will be tried again at `next_attempt_at`."},
		{"charge.requires_action", "The bank requires authentication; the customer is asked for it."},
		{"charge.requires_payment_method", "The card can't pay this charge; the customer is asked for another."},
		{"charge.failed", "A charge is no longer tried; the customer may still pay it."},
		{"charge.canceled", "A charge will not be collected."},
		{"charge.amount_differs", "Stripe took another amount than the charge's; compare both."},
		{"charge.payment_intent_replaced", "Stripe itself canceled the charge's PaymentIntent; the charge gets a new one."},
		{"charge.payment_intent_canceling", "The charge's PaymentIntent can't be confirmed again; it is canceled, and a new one will be made."},
		{"charge.payment_intent_found", "Stripe has a PaymentIntent of the charge that the database lost; the charge uses it."},
		{"charge.deferred", "A card network's cap is reached: the charge is tried later, at `next_attempt_at`."},
		{"charge.new_card", "The customer entered another card for a waiting charge."},
		{"charge.reminder", "The customer is asked once more to pay."},
		{"charge.final_notice", "The customer is notified that the plan will end unpaid."},
		{"charge.plan_defaulted", "The customer is notified that the plan ended unpaid."},
		{"charge.given_up", "The deadline of a charge passed; the later charges continue."},
		{"charge.voided", "The PaymentIntent of a canceled charge is canceled at Stripe, and can no longer be paid."},
		{"charge.fraud_warned", "The card's issuer warned of fraud about a payment; the plan is paused."},
		{"charge.refunded", "A payment was refunded at Stripe, in full or in part, or a refund failed: see `amount_refunded`."},
		{"charge.disputed", "A dispute about a payment was opened, or its status changed: see `dispute_status`."},
		{"charge.skipped", "A charge was dropped, or its amount moved to the end of the plan."},
		{"charge.moved", "A charge falls due on another date."},
		{"charge.amount_changed", "A charge has another amount."},
		{"charge.split", "A charge was split in two."},
		{"charge.pulled_forward", "A charge is due now instead of at its date."},
		{"charge.paid_outside", "You recorded a charge as paid outside Stripe."},
		{"charge.paid_twice", "A second payment for a paid charge arrived, or a payment at Stripe for a charge that was paid outside; see the incident."},
		{"charge.written_off", "A charge will not be collected; it stays in the total as a loss."},
		{"charge.refund_ordered", "You ordered the refund of a second payment."},
		{"charge.refund_made", "Stripe accepted a refund that you ordered."},
		{"charge.refund_failed", "Stripe refused a refund that you ordered, or a refund failed at the bank later; see the incident."},
		{"charge.retry_requested", "You requested another attempt at a charge, at once."},
	}
}

func cardMessages() []Type {
	return []Type{
		{"card.saved", "A card was saved for the later charges of a plan."},
		{"card.made_default", "You made a card the customer's default card."},
		{"card.held", "The network replaced a card by one of another brand; it is not charged until the customer agrees."},
		{"card.released", "A card that was held may be charged again."},
		{"card.removed", "You, or the customer on the recovery page, removed a card; it is not charged again."},
		{"card.merged", "The customer entered the same number again; the newer card replaces the older one, which is detached."},
		{"card.detach_failed", "Stripe refuses to detach a removed card; the card is not charged, and Tranche tries again tomorrow."},
		{"card.not_saved", "The card that paid can't be charged later."},
		{"card.moved", "A charge is tried on another card from now on."},
		{"card.revoked", "A card will not be charged again: it was reported lost or stolen, or consent was withdrawn."},
		{"card.detached", "A card was detached from the customer at Stripe, by you there or after its removal in Tranche."},
	}
}

func noticeMessages() []Type {
	return []Type{
		{"notice.sent", "A mail to the customer was accepted by the mail server."},
		{"notice.kept", "A mail to the customer was written and stored, because no mail server is set."},
		{"notice.retry_requested", "You requested that a mail be sent again."},
		{"notice.dropped", "A mail to the customer was no longer true at its time, and was not sent."},
		{"notice.failed", "A mail to the customer can't be delivered."},
	}
}

func incidentMessages() []Type {
	return []Type{
		{"incident.opened", "A person must resolve a fault, such as a second payment or a failed refund; `incident` has the remedy."},
		{"incident.closed", "An incident was closed, by you or because its cause is gone."},
	}
}

// CheckFilter reports the entries of a filter that match no type; field is the name of the filter
// in the request. Errors: *InvalidError.
func CheckFilter(field string, f billing.TypeFilter) error {
	e := &billing.InvalidError{}
	for _, t := range f {
		kind, rest, _ := strings.Cut(t, ".")
		known := slices.ContainsFunc(Types(), func(m Type) bool { return m.Type == t })
		if !known && (rest != "*" || !slices.Contains(sentKinds(), kind)) {
			e.Add(field, "%s", fmt.Sprintf("%.60q is not a message type; use a type from docs/webhooks.md, or plan.*, charge.*, card.*, notice.* or incident.*", t))
		}
	}
	return e.OrNil()
}

// sentKinds are the kinds of audit entries that are sent to endpoints.
func sentKinds() []string { return []string{"plan", "charge", "card", "notice", "incident"} }

// Covers reports whether audit entries with this action are sent to endpoints.
func Covers(action string) bool {
	kind, _, ok := strings.Cut(action, ".")
	return ok && slices.Contains(sentKinds(), kind)
}
