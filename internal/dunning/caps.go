package dunning

import (
	"slices"
	"time"
)

// Card brands as Stripe writes them. Source: docs.stripe.com/api/payment_methods/object, card.brand.
const (
	brandVisa       = "visa"
	brandMastercard = "mastercard"
)

const day = 24 * time.Hour

// CapWindow is the longest window of any cap: older declines count for nothing.
const CapWindow = 30 * day

// Cap is how often a network lets a card be tried again after declines.
type Cap struct {
	Network string // as Stripe writes the brand; empty is every other one
	Most    int    // declines within Window after which nothing more is tried
	Window  time.Duration
	Source  string
}

// Caps lists every cap. They are counted over all plans and charges of the merchant's on one card, which is stricter than
// the networks' own counting by amount, and leaves room for attempts that others made in the same account.
func Caps() []Cap {
	return []Cap{
		{brandVisa, 15, 30 * day, "Visa Core Rules ID#0030640: 20 since May 2025, 15 before; support.checkout.com and paypal.com still name 15, so 15 holds"},
		{brandMastercard, 10, day, "Mastercard Transaction Processing Excellence: 10 in 24 hours; support.checkout.com, developers.tabapay.com"},
		{brandMastercard, 35, 30 * day, "Mastercard Transaction Processing Excellence: 35 in 30 days; support.checkout.com, developers.tabapay.com"},
		{"", 15, 30 * day, "American Express, Discover and the others publish no number that could be confirmed: the strictest of the known ones"},
	}
}

// CapsOf lists the caps of a card's brand.
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
	Allows   time.Time // when the next attempt is within the cap; never before the time that was asked for
}

// Full says whether an attempt at the time that was asked for would go beyond the cap.
func (u Use) Full() bool { return u.Declines >= u.Most }

// UseOf counts the declines on a card against each cap of its brand, as seen at at. declines are their times in any order.
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

// Tightest is the use with the least room left.
func Tightest(uses []Use) Use {
	return slices.MinFunc(uses, func(a, b Use) int { return (a.Most - a.Declines) - (b.Most - b.Declines) })
}

// Allowed is the first time at or after at when every cap lets the card be tried again.
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
