package billing

import (
	"cmp"
	"slices"
	"time"
)

// Chargeable reports whether the card may be charged at all: it is saved, it was not withdrawn, and
// it is not on hold.
func (c Card) Chargeable() bool { return c.Status == CardActive && c.Hold == "" }

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
