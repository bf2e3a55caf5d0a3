package billing

import (
	"context"
	"fmt"
	"time"
)

// CardTryID identifies a card try: try_… for a client secret that was handed out, and the id of
// Stripe's event for a decline.
type CardTryID string

// NewCardTryID makes the id for a client secret that is handed out at the given time.
func NewCardTryID(now time.Time) CardTryID { return CardTryID("try_" + newID(now)) }

// CardTryKind is the kind of a card try.
type CardTryKind string

const (
	// CardTryPayment is a client secret that the recovery page handed out for a payment.
	CardTryPayment CardTryKind = "payment"
	// CardTrySetup is a client secret that the recovery page handed out to save a card.
	CardTrySetup CardTryKind = "setup"
	// CardTryDeclined is a card that the customer entered and that was declined.
	CardTryDeclined CardTryKind = "declined"
	// CardTryVoided is a PaymentIntent that is canceled because too many cards were tried with it.
	CardTryVoided CardTryKind = "voided"
)

// CardTry is one step of a customer who tries cards. Tries are counted over hours and days to
// detect card testing: a customer needs a few, and a tester of stolen cards needs many.
type CardTry struct {
	ID         CardTryID
	Kind       CardTryKind
	CustomerID CustomerID
	ChargeID   ChargeID // empty for a card that is saved without paying
	LinkID     LinkID   // of the recovery page; empty when the secret came from elsewhere
	Intent     string   // PaymentIntent or SetupIntent
	Address    string   // IP address of the browser; may be empty
	Code       string   // why a card was declined
	At         time.Time
}

// CardTryFilter selects card tries. Kind and one of the other fields must be set.
type CardTryFilter struct {
	Kind     CardTryKind
	Charge   ChargeID
	Link     LinkID
	Customer CustomerID
	Address  string
	Intent   string
	Since    time.Time // only tries after this time; zero selects all
}

// CardTryReader reads card tries.
type CardTryReader interface {
	// CountCardTries counts tries.
	CountCardTries(ctx context.Context, f CardTryFilter) (int, error)
	// LastCardTry returns the newest try. Errors: ErrNotFound.
	LastCardTry(ctx context.Context, f CardTryFilter) (CardTry, error)
}

// CardTryWriter writes card tries.
type CardTryWriter interface {
	// InsertCardTry adds a try, or returns false when its id exists already.
	InsertCardTry(ctx context.Context, t CardTry) (bool, error)
}

// DefaultCardTries is how many of a customer's cards may be declined for one charge in a day.
// Customers mistype, and try their two or three cards a few times each. The limit is below the ten
// or so declines after which Stripe cancels a PaymentIntent, so that no PaymentIntent is replaced
// for more tries.
const DefaultCardTries = 8

// CardTryLimits bounds how many cards a customer may try. Max is the limit for one charge in a day.
type CardTryLimits struct{ Max int }

// cardTryLimit is one of the limits.
type cardTryLimit struct {
	what   string
	filter CardTryFilter
	most   int
	within time.Duration
}

// list returns the limits that apply to a try. The weekly limits allow for three bad days. The
// limits for a customer and an address are higher because a customer may have several charges and
// links, and an office or a mobile network may share one address.
func (l CardTryLimits) list(t CardTry) []cardTryLimit {
	const day, week = 24 * time.Hour, 7 * 24 * time.Hour
	declined := func(f CardTryFilter) CardTryFilter { f.Kind = CardTryDeclined; return f }
	limits := []cardTryLimit{
		{"of the customer", declined(CardTryFilter{Customer: t.CustomerID}), 2 * l.Max, day},
		{"of the customer", declined(CardTryFilter{Customer: t.CustomerID}), 4 * l.Max, week},
		{"that the customer began to save", CardTryFilter{Kind: CardTrySetup, Customer: t.CustomerID}, 2 * l.Max, day},
	}
	if t.ChargeID != "" {
		one := declined(CardTryFilter{Charge: t.ChargeID})
		limits = append(limits, cardTryLimit{"for the charge", one, l.Max, day}, cardTryLimit{"for the charge", one, 3 * l.Max, week})
	}
	if t.LinkID != "" {
		one := declined(CardTryFilter{Link: t.LinkID})
		limits = append(limits, cardTryLimit{"on the link", one, l.Max, day}, cardTryLimit{"on the link", one, 3 * l.Max, week})
	}
	if t.Address != "" {
		limits = append(limits, cardTryLimit{"from the address", declined(CardTryFilter{Address: t.Address}), 3 * l.Max, day})
	}
	return limits
}

// Exceeded describes the limit that a customer has reached; empty when another card may be tried.
// Tries before since do not count, because the merchant closed the incident then. t names the
// customer, and the charge, link and address at hand.
func (l CardTryLimits) Exceeded(ctx context.Context, r CardTryReader, t CardTry, since, now time.Time) (string, error) {
	if l.Max <= 0 {
		l.Max = DefaultCardTries
	}
	for _, limit := range l.list(t) {
		limit.filter.Since = now.Add(-limit.within)
		if since.After(limit.filter.Since) {
			limit.filter.Since = since
		}
		n, err := r.CountCardTries(ctx, limit.filter)
		if err != nil {
			return "", err
		}
		if n >= limit.most {
			kind := "declined cards"
			if limit.filter.Kind == CardTrySetup {
				kind = "cards"
			}
			return fmt.Sprintf("%d %s %s within %d hours, and %d are allowed", n, kind, limit.what, limit.within/time.Hour, limit.most), nil
		}
	}
	return "", nil
}

// CardTriesSince returns the time since which a customer's tries count: when the merchant last
// closed an incident about them. Zero when there was no such incident.
func CardTriesSince(ctx context.Context, r IncidentReader, customer CustomerID) (time.Time, error) {
	last, err := r.Incidents(ctx, IncidentFilter{Kind: IncidentCardTesting, Subject: string(customer), Limit: 2})
	if err != nil {
		return time.Time{}, err
	}
	for _, i := range last { // newest first; the one before an open incident may be closed
		if !i.Open() {
			return i.ClosedAt, nil
		}
	}
	return time.Time{}, nil
}
