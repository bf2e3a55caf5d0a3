package dunning

import (
	"slices"
	"time"
)

// Card brands as Stripe spells them. Source: docs.stripe.com/api/payment_methods/object,
// card.brand.
const (
	brandVisa       = "visa"
	brandMastercard = "mastercard"
)

const day = 24 * time.Hour

// CapWindow is the longest window of any cap: older declines no longer count.
const CapWindow = 30 * day

// Cap limits how often a network allows retries of a card after declines.
type Cap struct {
	Network string // as Stripe spells the brand; empty for every other brand
	Most    int    // declines within Window after which no attempt is allowed
	Window  time.Duration
	Source  string
}

// Caps returns every cap. The networks count declines of one amount on one card at one merchant, so
// first attempts and retries count together across all plans and customers with the same card,
// amount and currency.
func Caps() []Cap {
	return []Cap{
		{brandVisa, 20, 30 * day, "Visa Core Rules of 18 April 2026, ID#0030640: 20 reattempts since 25 May 2025, 15 before; Cielo, TabaPay and Recurly agree"},
		{brandMastercard, 10, day, "Mastercard Transaction Processing Excellence: 10 in 24 hours; support.checkout.com, developers.tabapay.com, Braintree"},
		{brandMastercard, 35, 30 * day, "Mastercard Transaction Processing Excellence: 35 in 30 days; support.checkout.com, developers.tabapay.com, Braintree"},
		{"", 15, 30 * day, "American Express, Discover and the others publish no number that could be confirmed: Visa's number until 2025, the strictest that a network published for 30 days"},
	}
}

// CapsOf returns the caps of a card's brand.
func CapsOf(brand string) []Cap {
	match := func(network string) []Cap {
		return slices.DeleteFunc(Caps(), func(c Cap) bool { return c.Network != network })
	}
	if own := match(brand); len(own) > 0 && brand != "" {
		return own
	}
	return match("")
}

// Use is how much of a cap is used up.
type Use struct {
	Cap
	Declines int       // within the window
	Allows   time.Time // when the cap allows the next attempt; never before the requested time
}

// Full reports whether an attempt at the requested time would exceed the cap.
func (u Use) Full() bool { return u.Declines >= u.Most }

// UseOf counts the declines on a card against each cap of its brand, as of at. declines holds their
// times in any order.
func UseOf(brand string, declines []time.Time, at time.Time) []Use {
	sorted := slices.Clone(declines)
	slices.SortFunc(sorted, time.Time.Compare)
	var uses []Use
	for _, c := range CapsOf(brand) {
		inside := slices.DeleteFunc(slices.Clone(sorted), func(t time.Time) bool { return !t.After(at.Add(-c.Window)) })
		u := Use{Cap: c, Declines: len(inside), Allows: at}
		if u.Full() {
			u.Allows = inside[len(inside)-c.Most].Add(c.Window)
		}
		uses = append(uses, u)
	}
	return uses
}

// Tightest returns the use with the least room left.
func Tightest(uses []Use) Use {
	return slices.MinFunc(uses, func(a, b Use) int { return (a.Most - a.Declines) - (b.Most - b.Declines) })
}

// Allowed returns the first time at or after at that every cap allows.
func Allowed(brand string, declines []time.Time, at time.Time) time.Time {
	for {
		next := at
		for _, u := range UseOf(brand, declines, at) {
			if u.Allows.After(next) {
				next = u.Allows
			}
		}
		if next.Equal(at) {
			return at
		}
		at = next
	}
}
