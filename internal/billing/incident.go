package billing

import (
	"context"
	"slices"
	"time"
)

// IncidentID identifies an incident: inc_…
type IncidentID string

// NewIncidentID makes an incident id at the given time.
func NewIncidentID(now time.Time) IncidentID { return IncidentID("inc_" + newID(now)) }

// Incident is a problem that a person must resolve. An open incident is an alarm, regardless of its
// age. It closes when its cause is gone, or when an operator closes it.
type Incident struct {
	ID   IncidentID
	Kind IncidentKind
	// Subject identifies what the incident is about, such as a charge, PaymentIntent or refund id.
	// At most one incident of a kind and subject is open.
	Subject string

	PlanID     PlanID     // may be empty
	ChargeID   ChargeID   // may be empty
	CustomerID CustomerID // may be empty
	Account    string     // connected account (acct_…); empty for the platform's own
	Detail     string     // what happened, without personal data or secrets
	Remedy     string     // what to do; where it is empty, OpenIncident sets the kind's remedy

	OpenedAt time.Time
	ClosedAt time.Time // zero while the incident is open
	ClosedBy Actor     // empty while the incident is open
	Note     string    // given when the incident was closed; may be empty
}

// Open reports whether the incident is unresolved.
func (i Incident) Open() bool { return i.ClosedAt.IsZero() }

// IncidentFilter selects incidents. Zero fields select all.
type IncidentFilter struct {
	Open    bool // only open incidents
	Kind    IncidentKind
	Subject string // with Kind
	Plan    PlanID
	Before  IncidentID // older than this incident: the cursor
	Limit   int        // MaxPage at most
}

// IncidentReader reads incidents.
type IncidentReader interface {
	// Incident reads one incident. Errors: ErrNotFound.
	Incident(ctx context.Context, id IncidentID) (Incident, error)
	// Incidents lists incidents, newest first.
	Incidents(ctx context.Context, f IncidentFilter) ([]Incident, error)
	// OpenIncidents lists the open incidents of the given plans, by plan and age.
	OpenIncidents(ctx context.Context, plans ...PlanID) ([]Incident, error)
}

// IncidentWriter opens and closes incidents. Each change adds an audit entry (incident.opened,
// incident.closed).
type IncidentWriter interface {
	// OpenIncident opens an incident and returns true. It does nothing, and returns false, while an
	// incident of the same kind and subject is open. It sets the ID, and an empty Remedy to the
	// kind's. OpenedAt is the current time.
	OpenIncident(ctx context.Context, i Incident) (bool, error)
	// CloseIncidents closes the open incident of a kind about a subject, if there is one.
	CloseIncidents(ctx context.Context, kind IncidentKind, subject string, note string, now time.Time) error
	// CloseIncident closes one incident; a closed incident is left unchanged. Errors: ErrNotFound.
	CloseIncident(ctx context.Context, id IncidentID, note string, now time.Time) (Incident, error)
}

// IncidentKind is the kind of an incident. It is also the name of the alarm that its open incidents
// raise.
type IncidentKind string

const (
	// IncidentPaidTwice is a second payment for the same debt. The subject is the PaymentIntent to
	// refund.
	IncidentPaidTwice IncidentKind = "paid_twice"
	// IncidentRefundRefused is an ordered refund that Stripe refuses to make. The subject is the
	// charge.
	IncidentRefundRefused IncidentKind = "refund_refused"
	// IncidentRefundFailed is a refund that Stripe accepted and that failed later. The subject is
	// the Stripe refund.
	IncidentRefundFailed IncidentKind = "refund_failed"
	// IncidentCardTesting is a customer, or a holder of the customer's link, who tries too many
	// cards. The subject is the customer.
	IncidentCardTesting IncidentKind = "card_testing"
	// IncidentWrongAccount is a charge whose customer and card do not exist in the Stripe account
	// of the key. The subject is the charge. It closes once a call for the charge reaches the right
	// account.
	IncidentWrongAccount IncidentKind = "charge_of_another_account"
	// IncidentCardMissing is a collecting plan without a card that can be charged, because the
	// customer paid with a method that can't be charged again. The subject is the plan. It closes
	// when the plan gets a card.
	IncidentCardMissing IncidentKind = "card_missing"
	// IncidentSavedOnSession is a plan from a PaymentIntent of the merchant's with
	// setup_future_usage=on_session: its card was not saved for off-session charges. The subject is
	// the PaymentIntent.
	IncidentSavedOnSession IncidentKind = "saved_on_session"
)

// IncidentRule holds what all incidents of a kind have in common.
type IncidentRule struct {
	Kind     IncidentKind
	Critical bool   // money is at stake now; otherwise the alarm is a warning
	What     string // the problem, in the plural
	Remedy   string // what to do about one incident
}

// IncidentRules lists every kind of incident. Each kind raises an alarm of its name while an
// incident is open.
func IncidentRules() []IncidentRule {
	return []IncidentRule{
		{IncidentPaidTwice, true, "customers paid the same charge twice",
			"refund the second payment: tranche charge refund-duplicate CHARGE; or tranche incident close INCIDENT --note TEXT"},
		{IncidentRefundRefused, true, "Stripe refuses ordered refunds",
			"fix the reason (the key needs write permission for Refunds), then refund the payment in Stripe's dashboard; then tranche incident close INCIDENT --note TEXT"},
		{IncidentWrongAccount, true, "charges reached a Stripe account that has neither their customer nor their card",
			"set STRIPE_SECRET_KEY to a key of the account that took the first payment; the charge is then retried automatically. If the customer was deleted with all data, cancel the plan"},
		{IncidentRefundFailed, true, "refunds failed at the bank, and the money came back to the account",
			"repay the customer in another way, then tranche incident close INCIDENT --note TEXT"},
		{IncidentCardTesting, false, "too many cards of a customer were declined, which may be card testing; the page takes no payment from the customer for a day",
			"see tranche plan show PLAN; revoke the link if a stranger has it: tranche link revoke LINK. To let the customer pay at once: tranche incident close INCIDENT --note TEXT"},
		{IncidentCardMissing, false, "plans collect and have no card that can be charged",
			"let the checkout accept only cards, with setup_future_usage=off_session. A mail asks the customer for a card; or send a link: tranche link create PLAN"},
		{IncidentSavedOnSession, false, "cards were saved for payments in the customer's presence only",
			"create the PaymentIntent with setup_future_usage=off_session; off-session charges on such a card are declined more often; then tranche incident close INCIDENT --note TEXT"},
	}
}

// IncidentRuleOf returns the rule of a kind. An unknown kind, which a newer version wrote, is
// critical.
func IncidentRuleOf(kind IncidentKind) IncidentRule {
	rules := IncidentRules()
	if i := slices.IndexFunc(rules, func(r IncidentRule) bool { return r.Kind == kind }); i >= 0 {
		return rules[i]
	}
	return IncidentRule{kind, true, "incidents of a kind that this version does not know are open",
		"tranche incident show INCIDENT; then tranche incident close INCIDENT --note TEXT"}
}

// IncidentKinds lists every kind.
func IncidentKinds() []IncidentKind {
	var kinds []IncidentKind
	for _, r := range IncidentRules() {
		kinds = append(kinds, r.Kind)
	}
	return kinds
}
