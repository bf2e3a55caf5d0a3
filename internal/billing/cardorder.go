package billing

import (
	"cmp"
	"slices"
	"time"
)

// Chargeable says whether the card may be charged at all: it is saved, nobody withdrew it, and
// nothing stands against it.
func (c Card) Chargeable() bool { return c.Status == CardActive && c.Hold == "" }

// Expired says whether the card's last month is over everywhere in the world. A card without a date
// never expires.
func (c Card) Expired(now time.Time) bool {
	if c.ExpYear == 0 || c.ExpMonth == 0 {
		return false
	}
	end := time.Date(c.ExpYear, time.Month(c.ExpMonth)+1, 1, 12, 0, 0, 0, time.UTC)
	return !now.Before(end)
}

// CardsInOrder are those of a customer's cards that may be charged for a plan of this account, in
// the order in which they are: first the default card, then its backups by their place, then those
// that have no place, oldest first. Whatever its place, a card that has expired comes after those
// that have not: a network may have renewed it without a word, so that it is worth a try, and the
// others are worth one before. The first of the list is what a plan with the card "default"
// charges.
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

// oncePerNumber leaves out a card whose number another before it has: a customer may have given the
// same one twice.
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

// AllInOrder are all of a customer's cards: those that may be charged in their order, whatever
// their account, and then the others, newest first.
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

// Remove takes the card from its customer for good; a worker removes it at Stripe at detach.
func (c *Card) Remove(now, detach time.Time) {
	c.Position, c.RemovedAt, c.DetachAt, c.UpdatedAt = 0, now, detach, now
	if c.Status == CardActive {
		c.Status = CardDetached
	}
}

// boolCompare puts false before true.
func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
