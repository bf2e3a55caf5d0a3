package operator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// CardResult is a customer's cards after an operation, and what is written of it.
type CardResult struct {
	Customer billing.CustomerID
	Cards    []billing.Card // all of the customer's, by age
	Message  string
	Next     string
}

// OrderCards puts a customer's cards in order: the first is the default card, the others are its backups. Those that are not
// named have no place, and come after. Errors: *billing.InvalidError, billing.ErrNotFound, billing.ErrUnavailable.
func OrderCards(ctx context.Context, s Store, id billing.CustomerID, order []billing.CardID, now time.Time) (CardResult, error) {
	return onCards(ctx, s, id, now, func(c *cardChange) error {
		for i, named := range order {
			card, ok := c.card(named)
			switch {
			case !ok:
				return invalid("order", "the customer has no card %s", named)
			case slices.Contains(order[:i], named):
				return invalid("order", "names card %s twice", named)
			case card.Status != billing.CardActive:
				return invalid("order", "the %s card ending %s is %s", card.Brand, card.Last4, card.Status)
			}
		}
		for _, card := range c.cards {
			card.Position = slices.Index(order, card.ID) + 1
			if err := c.put(ctx, card); err != nil {
				return err
			}
		}
		c.message = fmt.Sprintf("the order of %d cards was set by the merchant", len(order))
		return c.audit(ctx, "customer.cards_ordered", "")
	})
}

// DefaultCard puts one card before the customer's others, whose order stays. Plans that charge another go on charging that.
// Errors: *RefusedError, billing.ErrNotFound, billing.ErrUnavailable.
func DefaultCard(ctx context.Context, s Store, id billing.CardID, now time.Time) (CardResult, error) {
	return onCard(ctx, s, id, now, func(c *cardChange, card billing.Card) error {
		if !card.Chargeable() {
			return c.refuse(card, "made the default card", whyNot(card))
		}
		first := []billing.CardID{card.ID}
		for _, other := range billing.CardsInOrder(c.cards, card.Account, now) {
			if other.ID != card.ID && other.Position > 0 {
				first = append(first, other.ID)
			}
		}
		for _, other := range c.cards {
			if other.Account != card.Account {
				continue
			}
			other.Position = slices.Index(first, other.ID) + 1
			if err := c.put(ctx, other); err != nil {
				return err
			}
		}
		c.message = fmt.Sprintf("the %s card ending %s is the customer's default card", card.Brand, card.Last4)
		return c.audit(ctx, "card.made_default", card.ID)
	})
}

// ReleaseCard lets a held card be charged again: the customer agreed. What waits for it is tried at once. Errors: *RefusedError,
// billing.ErrNotFound, billing.ErrUnavailable.
func ReleaseCard(ctx context.Context, s Store, id billing.CardID, now time.Time) (CardResult, error) {
	return onCard(ctx, s, id, now, func(c *cardChange, card billing.Card) error {
		if card.Hold == "" {
			return c.refuse(card, "released", "nothing is held against it")
		}
		c.message = fmt.Sprintf("the %s card ending %s may be charged again, says the merchant; it was held: %s", card.Brand, card.Last4, card.Hold)
		card.Hold = ""
		if err := c.put(ctx, card); err != nil {
			return err
		}
		return c.eachPlan(ctx, card.ID, func(p *change) error { return p.tryWaiting(ctx) }, "card.released")
	})
}

// RemoveCard takes a card out of use for good: it is not charged any more, and Stripe is asked to detach it until it has. Plans
// that charged it go on with the customer's next card where the customer agreed to backup cards; else what falls due asks for
// one. An attempt that is under way is not stopped by it. Errors: *RefusedError, billing.ErrNotFound, billing.ErrUnavailable.
func RemoveCard(ctx context.Context, s Store, id billing.CardID, now time.Time) (CardResult, error) {
	return onCard(ctx, s, id, now, func(c *cardChange, card billing.Card) error {
		if card.Status == billing.CardDetached {
			return c.refuse(card, "removed", "it is detached already")
		}
		card.Status, card.Position, card.DetachAt = billing.CardDetached, 0, c.now
		if err := c.put(ctx, card); err != nil {
			return err
		}
		c.message = fmt.Sprintf("the %s card ending %s is removed by the merchant", card.Brand, card.Last4)
		return c.eachPlan(ctx, card.ID, func(p *change) error {
			rest := billing.CardsInOrder(c.cards, card.Account, now)
			if !p.plan.BackupCards || len(rest) == 0 {
				return nil
			}
			p.plan.CardID = rest[0].ID
			c.next = fmt.Sprintf("plans whose customer agreed go on with the %s card ending %s", rest[0].Brand, rest[0].Last4)
			return nil
		}, "card.removed")
	})
}

// whyNot says why a card is not charged.
func whyNot(card billing.Card) string {
	if card.Status != billing.CardActive {
		return "it is " + string(card.Status)
	}
	return "it is held: " + card.Hold
}

// cardChange is one operation on a customer's cards.
type cardChange struct {
	billing.Tx
	customer      billing.CustomerID
	cards         []billing.Card
	now           time.Time
	rules         billing.Rules
	message, next string
}

func onCards(ctx context.Context, s Store, id billing.CustomerID, now time.Time, fn func(c *cardChange) error) (CardResult, error) {
	now = now.Truncate(time.Millisecond)
	var r CardResult
	err := s.Update(ctx, func(tx billing.Tx) error {
		if _, err := tx.Customer(ctx, id); err != nil {
			return err
		}
		cards, err := tx.Cards(ctx, id)
		if err != nil {
			return err
		}
		c := &cardChange{Tx: tx, customer: id, cards: cards, now: now, rules: rulesOf(s)}
		if err := fn(c); err != nil {
			return err
		}
		r = CardResult{Customer: id, Cards: c.cards, Message: c.message, Next: c.next}
		return nil
	})
	return r, err
}

func onCard(ctx context.Context, s Store, id billing.CardID, now time.Time, fn func(c *cardChange, card billing.Card) error) (CardResult, error) {
	var owner billing.CustomerID
	err := s.Update(ctx, func(tx billing.Tx) error {
		card, err := tx.Card(ctx, id)
		owner = card.CustomerID
		return err
	})
	if err != nil {
		return CardResult{}, err
	}
	return onCards(ctx, s, owner, now, func(c *cardChange) error {
		card, ok := c.card(id)
		if !ok {
			return fmt.Errorf("card %s: %w", id, billing.ErrNotFound)
		}
		return fn(c, card)
	})
}

func (c *cardChange) card(id billing.CardID) (billing.Card, bool) {
	i := slices.IndexFunc(c.cards, func(card billing.Card) bool { return card.ID == id })
	if i < 0 {
		return billing.Card{}, false
	}
	return c.cards[i], true
}

// put writes a card that was changed.
func (c *cardChange) put(ctx context.Context, card billing.Card) error {
	i := slices.IndexFunc(c.cards, func(other billing.Card) bool { return other.ID == card.ID })
	if c.cards[i] == card {
		return nil
	}
	card.UpdatedAt, c.cards[i] = c.now, card
	return c.UpdateCard(ctx, card)
}

func (c *cardChange) refuse(card billing.Card, what, why string) error {
	return &RefusedError{What: fmt.Sprintf("the %s card ending %s is not %s", card.Brand, card.Last4, what), Why: why}
}

func (c *cardChange) audit(ctx context.Context, action string, card billing.CardID) error {
	return c.InsertAudit(ctx, billing.AuditEntry{
		At: c.now, Actor: billing.ActorMerchant, Action: action, CustomerID: c.customer, CardID: card, Message: c.message, Next: c.next,
	})
}

// eachPlan changes every plan that charges the card, under its lock, in the order in which everybody locks them, and writes an
// entry about each; one about the customer where there is none.
func (c *cardChange) eachPlan(ctx context.Context, card billing.CardID, fn func(p *change) error, action string) error {
	plans, err := c.plansWith(ctx, card)
	if err != nil {
		return err
	}
	for _, id := range plans {
		p, err := openChange(ctx, c.Tx, id, c.now, c.rules)
		if err != nil {
			return err
		}
		if p.plan.CardID != card {
			continue
		}
		if err := fn(p); err != nil {
			return err
		}
		p.plan.UpdatedAt = c.now
		if err := c.UpdatePlan(ctx, p.plan); err != nil {
			return err
		}
		err = c.InsertAudit(ctx, append(p.entries, billing.AuditEntry{
			At: c.now, Actor: billing.ActorMerchant, Action: action, PlanID: id, CustomerID: c.customer, CardID: card, Message: c.message, Next: c.next,
		})...)
		if err != nil {
			return err
		}
	}
	if len(plans) > 0 {
		return nil
	}
	return c.audit(ctx, action, card)
}

func (c *cardChange) plansWith(ctx context.Context, card billing.CardID) ([]billing.PlanID, error) {
	var ids []billing.PlanID
	for before := billing.PlanID(""); ; {
		page, err := c.Plans(ctx, billing.PlanFilter{Customer: c.customer, Before: before})
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			if before = p.ID; p.CardID == card {
				ids = append(ids, p.ID)
			}
		}
		if len(page) < billing.MaxPage {
			slices.Sort(ids)
			return ids, nil
		}
	}
}

// tryWaiting has what waits for a card tried at once.
func (c *change) tryWaiting(ctx context.Context) error {
	if !c.plan.Status.Collects() {
		return nil
	}
	for _, ch := range c.charges {
		if ch.Status != billing.ChargeRequiresPaymentMethod || ch.Checkout {
			continue
		}
		why, err := openAttempt(ctx, c, ch.ID)
		if err != nil {
			return err
		}
		if why != "" {
			continue
		}
		if err := ch.Move(billing.ChargeRetrying, "the card may be charged again", c.now); err != nil {
			return err
		}
		if err := c.put(ctx, ch); err != nil {
			return err
		}
	}
	c.plan.Status = c.plan.StatusAfter(c.charges)
	return nil
}
