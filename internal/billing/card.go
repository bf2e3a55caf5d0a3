package billing

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tranche/internal/calendar"
)

// CardStatus is the state of a card.
type CardStatus string

const (
	// CardActive may be charged.
	CardActive CardStatus = "active"
	// CardDetached was removed from the customer at Stripe.
	CardDetached CardStatus = "detached"
	// CardRevoked must not be charged again: the issuer or the customer withdrew consent.
	CardRevoked CardStatus = "revoked"
)

// Card is a saved Stripe PaymentMethod of type card. It holds no card number.
type Card struct {
	ID            CardID
	CustomerID    CustomerID
	PaymentMethod string // pm_…; unique
	// StripeCustomer is the Stripe customer (cus_…) that the PaymentMethod is attached to: Stripe
	// requires both together. It is kept per card, because a merchant's own checkout may use
	// several Stripe customers for one person.
	StripeCustomer string
	Brand          string // visa, mastercard, …
	Last4          string
	ExpMonth       int
	ExpYear        int
	Fingerprint    string // the same for the same number; may be empty
	Status         CardStatus

	// Account is the connected account (acct_…) that the PaymentMethod was saved in; empty for the
	// platform's own.
	Account string
	// Own reports whether the PaymentMethod was saved for Tranche: Tranche attached it, or the
	// customer entered it in a payment or set-up that carries Tranche's metadata. Other systems of
	// the merchant may charge any other PaymentMethod, so it is never merged with a duplicate, and
	// never detached for being one.
	Own bool
	// Position is the card's place among the customer's cards: 1 is the default card, and the
	// others are its backups in order. 0 means no position: such cards come after the others,
	// oldest first.
	Position int
	// Hold is the reason, in plain words, why a card that Stripe would charge is on hold until the
	// customer or the merchant agrees, such as that the network replaced it with a card of another
	// brand; empty when the card may be charged.
	Hold string
	// RemovedAt is when the card was removed from the customer for good: it is never charged again,
	// even if Stripe would. Zero if it was not removed.
	RemovedAt time.Time
	// DetachAt is when the detaching of a removed card is next requested at Stripe; zero when there
	// is nothing to request.
	DetachAt time.Time

	CreatedAt, UpdatedAt time.Time
}

// Label returns the name of the card in stored texts. It holds the id instead of digits, because
// digits are personal data.
func (c Card) Label() string { return c.Brand + " card " + string(c.ID) }

// ExpiresAt returns when the card's last month ends, in the customer's time zone; zero for a card
// without an expiry date.
func (c Card) ExpiresAt(loc *time.Location) time.Time {
	if c.ExpYear == 0 || c.ExpMonth == 0 {
		return time.Time{}
	}
	return calendar.Date{Year: c.ExpYear, Month: time.Month(c.ExpMonth), Day: 1}.AddMonths(1).At(calendar.LocalTime{}, loc)
}

// ExpiresBefore returns the first of the card's scheduled charges that falls due after the card has
// expired: at the end of its month, in the customer's time zone. The charge is tried on the card
// nevertheless, because a network may renew the card before then. ok is false when there is no such
// charge.
func (c Card) ExpiresBefore(charges []Charge, loc *time.Location) (first Charge, ok bool) {
	expired := c.ExpiresAt(loc)
	if expired.IsZero() {
		return Charge{}, false
	}
	for _, ch := range charges {
		if ch.Status == ChargeScheduled && !ch.DueAt.IsZero() && !ch.DueAt.Before(expired) && (!ok || ch.DueAt.Before(first.DueAt)) {
			first, ok = ch, true
		}
	}
	return first, ok
}

// Chargeable reports whether the card may be charged at all: it is saved, it was not withdrawn, and
// it is not on hold.
func (c Card) Chargeable() bool { return c.Fault(c.Account) == "" }

// Unusable returns why a plan of the account must not charge the card, in words; "" if it may. It
// names the card by its last digits, which are personal data: it is for answers, and stored texts
// have Fault.
func (c Card) Unusable(account string) string {
	if fault := c.Fault(account); fault != "" {
		return fmt.Sprintf("the %s card ending %s %s", c.Brand, c.Last4, fault)
	}
	return ""
}

// Fault returns what keeps a plan of the account from charging the card, such as "is revoked"; ""
// if nothing does.
func (c Card) Fault(account string) string {
	switch {
	case c.Status != CardActive:
		return "is " + string(c.Status)
	case c.Hold != "":
		return "is held: " + c.Hold
	case c.Account != account:
		return "is saved in another Stripe account than the plan's"
	}
	return ""
}

// Expired reports whether the card's last month is over everywhere in the world. A card without an
// expiry date never expires.
func (c Card) Expired(now time.Time) bool {
	if c.ExpYear == 0 || c.ExpMonth == 0 {
		return false
	}
	end := time.Date(c.ExpYear, time.Month(c.ExpMonth)+1, 1, 12, 0, 0, 0, time.UTC)
	return !now.Before(end)
}

// CardsInOrder returns the cards of a customer that may be charged for a plan of this account, in
// order of preference: the default card, then its backups by position, then cards without a
// position, oldest first. Expired cards come last: a network may have renewed them silently, so
// they are worth a try, but only after the others. A plan with the card "default" charges the first
// card of the list.
func CardsInOrder(cards []Card, account string, now time.Time) []Card {
	var usable []Card
	for _, c := range cards {
		if c.Chargeable() && c.Account == account {
			usable = append(usable, c)
		}
	}
	slices.SortStableFunc(usable, func(a, b Card) int {
		return compareCards(a, b, now)
	})
	return oncePerNumber(usable)
}

// oncePerNumber drops cards with the number of an earlier card: a customer may have entered the
// same card twice.
func oncePerNumber(cards []Card) []Card {
	seen := map[string]bool{}
	return slices.DeleteFunc(cards, func(c Card) bool {
		again := c.Fingerprint != "" && seen[c.Fingerprint]
		seen[c.Fingerprint] = true
		return again
	})
}

func compareCards(a, b Card, now time.Time) int {
	return cmp.Or(
		boolCompare(a.Expired(now), b.Expired(now)),
		boolCompare(a.Position == 0, b.Position == 0),
		cmp.Compare(a.Position, b.Position),
		a.CreatedAt.Compare(b.CreatedAt),
		cmp.Compare(a.ID, b.ID),
	)
}

// AllInOrder returns all cards of a customer: first the ones that may be charged, of all accounts
// and in the order of CardsInOrder, then the others, newest first.
func AllInOrder(cards []Card, now time.Time) []Card {
	all := slices.Clone(cards)
	slices.SortStableFunc(all, func(a, b Card) int {
		if c := boolCompare(!a.Chargeable(), !b.Chargeable()); c != 0 {
			return c
		}
		if !a.Chargeable() {
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
		}
		return compareCards(a, b, now)
	})
	return all
}

// Remove takes the card from its customer for good. A worker detaches it at Stripe at the time
// detach.
func (c *Card) Remove(now, detach time.Time) {
	c.Position, c.RemovedAt, c.DetachAt, c.UpdatedAt = 0, now, detach, now
	if c.Status == CardActive {
		c.Status = CardDetached
	}
}

// boolCompare sorts false before true.
func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
