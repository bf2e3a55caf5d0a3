package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// CardChange is the result of a change of a customer's cards.
type CardChange struct {
	Customer billing.Customer
	Cards    []billing.Card // in order; those that can't be charged come last
	Plans    []PlanCard     // those that change to another card, or have none, from now on
	Message  string
}

// PlanCard is the new card of a plan whose card was removed.
type PlanCard struct {
	Plan      billing.PlanID `json:"plan"`
	Reference string         `json:"reference"`
	Card      billing.CardID `json:"card,omitempty"` // the replacement; if empty, the customer is asked for a card
	Why       string         `json:"why"`
}

// OrderCards sets the order of the customer's cards: the first of ids is the default card, the
// others are its backups in this order, and cards that are not named come after them. A card is
// named by our id or Stripe's (pm_…). Errors: *billing.InvalidError, *RefusedError,
// billing.ErrNotFound, billing.ErrUnavailable.
func (o *Operator) OrderCards(ctx context.Context, customer billing.CustomerID, ids []billing.CardID) (CardChange, error) {
	return o.withCards(ctx, customer, locked(ctx, func(c *cardChange) (billing.AuditEntry, error) {
		if len(ids) == 0 {
			return billing.AuditEntry{}, invalid("order", "names no card")
		}
		var names []string
		var order []billing.CardID
		for _, id := range ids {
			card, err := c.card(id)
			if err != nil {
				return billing.AuditEntry{}, invalid("order", "the customer has no card %s", id)
			}
			if slices.Contains(order, card.ID) {
				return billing.AuditEntry{}, invalid("order", "names %s twice", id)
			}
			order, names = append(order, card.ID), append(names, card.Label())
			if card.Status != billing.CardActive {
				return billing.AuditEntry{}, &RefusedError{What: "the order of cards is not changed", Why: fmt.Sprintf("the %s is %s", card.Label(), card.Status)}
			}
		}
		for i := range c.cards {
			card := &c.cards[i]
			if err := c.place(ctx, card, slices.Index(order, card.ID)+1); err != nil {
				return billing.AuditEntry{}, err
			}
		}
		return billing.AuditEntry{
			Action: "customer.cards_ordered", Message: "the customer's cards are in a new order: " + strings.Join(names, ", then "),
			Next: "new plans and backups follow it; existing plans keep their cards",
		}, nil
	}))
}

// DefaultCard makes a card the customer's default card; the cards that were before it come after
// it. Errors: see OrderCards.
func (o *Operator) DefaultCard(ctx context.Context, id billing.CardID) (CardChange, error) {
	card, err := o.cardRow(ctx, id)
	if err != nil {
		return CardChange{}, err
	}
	id = card.ID
	return o.withCards(ctx, card.CustomerID, locked(ctx, func(c *cardChange) (billing.AuditEntry, error) {
		card, err := c.card(id)
		if err != nil {
			return billing.AuditEntry{}, err
		}
		if why := notDefault(card); why != "" {
			return billing.AuditEntry{}, &RefusedError{What: "the default card is not changed", Why: fmt.Sprintf("the %s: %s", card.Label(), why)}
		}
		for i := range c.cards {
			other, place := &c.cards[i], 1
			switch {
			case other.ID == id:
			case other.Position > 0 && (other.Position < card.Position || card.Position == 0):
				place = other.Position + 1
			default:
				continue
			}
			if err := c.place(ctx, other, place); err != nil {
				return billing.AuditEntry{}, err
			}
		}
		return billing.AuditEntry{
			Action: "card.made_default", CardID: id, Message: fmt.Sprintf("the %s is the customer's default card", card.Label()),
			Next: "new plans are charged on it; existing plans keep their cards",
		}, nil
	}))
}

// notDefault returns why a card can't become the default card; "" if it can.
func notDefault(card billing.Card) string {
	switch {
	case card.Status != billing.CardActive:
		return "it is " + string(card.Status)
	case card.Hold != "":
		return "it is held: " + card.Hold
	case card.Position == 1:
		return "it is the default card already"
	}
	return ""
}

// ReleaseCard allows a held card to be charged again. note, which may be empty, records who agreed
// to it. Charges that wait for the card are tried at once. Errors: see OrderCards.
func (o *Operator) ReleaseCard(ctx context.Context, id billing.CardID, note string) (CardChange, error) {
	return o.changeCard(ctx, id, func(c *cardChange, card billing.Card, plans []billing.Plan) (billing.AuditEntry, error) {
		refused := func(why string) error {
			return &RefusedError{What: "card " + string(card.ID) + " is not released", Why: why}
		}
		switch {
		case card.Status != billing.CardActive:
			return billing.AuditEntry{}, refused("it is " + string(card.Status))
		case card.Hold == "":
			return billing.AuditEntry{}, refused("it is not held")
		}
		was := card.Hold
		card.Hold = ""
		if err := c.put(ctx, card); err != nil {
			return billing.AuditEntry{}, err
		}
		for _, p := range plans {
			if err := c.tryReleased(ctx, p.ID, card); err != nil {
				return billing.AuditEntry{}, err
			}
		}
		return billing.AuditEntry{
			Action: "card.released", CardID: card.ID, Message: because(fmt.Sprintf("the %s may be charged again; it was held: %s", card.Label(), was), note),
		}, nil
	})
}

// RemoveCard removes a customer's card for good: it is not charged again, and a worker removes it
// at Stripe. The card's plans change to the card to, which is named by our id or Stripe's (pm_…).
// If to is empty, they change to the customer's next card if the customer agreed to that; otherwise
// the next charge asks the customer for a card. Amounts that are owed are tried on the replacement.
// Errors: see OrderCards.
func (o *Operator) RemoveCard(ctx context.Context, id, to billing.CardID) (CardChange, error) {
	return o.changeCard(ctx, id, func(c *cardChange, card billing.Card, plans []billing.Plan) (billing.AuditEntry, error) {
		if !card.RemovedAt.IsZero() {
			return billing.AuditEntry{}, &RefusedError{What: "card " + string(card.ID) + " is not removed", Why: "it was removed on " + card.RemovedAt.Format(time.DateOnly)}
		}
		if to != "" {
			found, err := c.checkReplacement(to, card)
			if err != nil {
				return billing.AuditEntry{}, err
			}
			to = found
		}
		left := card.Position
		card.Remove(c.now, c.now)
		if err := c.put(ctx, card); err != nil {
			return billing.AuditEntry{}, err
		}
		if err := c.closeUp(ctx, left); err != nil {
			return billing.AuditEntry{}, err
		}
		for _, p := range plans {
			if err := c.replaceCard(ctx, p, card, to); err != nil {
				return billing.AuditEntry{}, err
			}
		}
		return billing.AuditEntry{
			Action: "card.removed", CardID: card.ID, Message: fmt.Sprintf("the %s is removed from the customer", card.Label()),
			Next: "it is removed at Stripe too",
		}, nil
	})
}

// changeCard locks the plans that charge a card, then the customer's cards, and passes both to fn.
// A card is named by our id or Stripe's.
func (o *Operator) changeCard(
	ctx context.Context, id billing.CardID, fn func(c *cardChange, card billing.Card, plans []billing.Plan) (billing.AuditEntry, error),
) (CardChange, error) {
	row, err := o.cardRow(ctx, id)
	if err != nil {
		return CardChange{}, err
	}
	return o.withCards(ctx, row.CustomerID, func(c *cardChange) (billing.AuditEntry, error) {
		plans, err := c.plansOn(ctx, row.ID)
		if err != nil {
			return billing.AuditEntry{}, err
		}
		if err := c.lockCards(ctx); err != nil { // after the plans: this is the lock order
			return billing.AuditEntry{}, err
		}
		card, err := c.card(row.ID)
		if err != nil {
			return billing.AuditEntry{}, err
		}
		return fn(c, card, plans)
	})
}

// cardRow returns a card by our id or Stripe's.
func (o *Operator) cardRow(ctx context.Context, id billing.CardID) (card billing.Card, err error) {
	err = o.With(Options{DryRun: true}).update(ctx, func(tx billing.Tx, _ time.Time) error {
		card, err = billing.FindCard(ctx, tx, string(id))
		return err
	})
	return card, err
}

// cardChange is one operation on a customer's cards, under their lock.
type cardChange struct {
	billing.Tx
	customer billing.Customer
	cards    []billing.Card
	plans    []PlanCard
	rules    billing.Rules
	now      time.Time
}

// locked returns fn after a lock of the customer's cards.
func locked(ctx context.Context, fn func(c *cardChange) (billing.AuditEntry, error)) func(c *cardChange) (billing.AuditEntry, error) {
	return func(c *cardChange) (billing.AuditEntry, error) {
		if err := c.lockCards(ctx); err != nil {
			return billing.AuditEntry{}, err
		}
		return fn(c)
	}
}

// withCards runs fn, which locks plans if it changes any, and then the cards, and writes the audit
// entry that fn returns.
func (o *Operator) withCards(ctx context.Context, customer billing.CustomerID, fn func(c *cardChange) (billing.AuditEntry, error)) (CardChange, error) {
	var done CardChange
	err := o.update(ctx, func(tx billing.Tx, now time.Time) error {
		row, err := tx.Customer(ctx, customer)
		if err != nil {
			return err
		}
		c := &cardChange{Tx: tx, customer: row, rules: o.rules, now: now}
		entry, err := fn(c)
		if err != nil {
			return err
		}
		entry.At, entry.CustomerID = now, customer
		done = CardChange{Customer: row, Cards: billing.AllInOrder(c.cards, now), Plans: c.plans, Message: because(entry.Message, entry.Next)}
		return tx.InsertAudit(ctx, entry)
	})
	return done, err
}

func (c *cardChange) lockCards(ctx context.Context) (err error) {
	c.cards, err = c.LockCards(ctx, c.customer.ID)
	return err
}

// card returns one of the customer's cards by our id or Stripe's.
func (c *cardChange) card(id billing.CardID) (billing.Card, error) {
	for _, card := range c.cards {
		if card.ID == id || card.PaymentMethod == string(id) {
			return card, nil
		}
	}
	return billing.Card{}, fmt.Errorf("card %s of customer %s: %w", id, c.customer.ID, billing.ErrNotFound)
}

func (c *cardChange) put(ctx context.Context, card billing.Card) error {
	card.UpdatedAt = c.now
	for i := range c.cards {
		if c.cards[i].ID == card.ID {
			c.cards[i] = card
		}
	}
	return c.UpdateCard(ctx, card)
}

// place moves a card to a position, unless it is there already.
func (c *cardChange) place(ctx context.Context, card *billing.Card, at int) error {
	if card.Position == at {
		return nil
	}
	card.Position = at
	return c.put(ctx, *card)
}

// closeUp moves the cards after a free position forward by one.
func (c *cardChange) closeUp(ctx context.Context, free int) error {
	for i := range c.cards {
		if card := &c.cards[i]; free > 0 && card.Position > free {
			if err := c.place(ctx, card, card.Position-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// plansOn locks the customer's plans and returns those that may still charge this card.
func (c *cardChange) plansOn(ctx context.Context, card billing.CardID) ([]billing.Plan, error) {
	ids, err := openPlans(ctx, c, c.customer.ID)
	if err != nil {
		return nil, err
	}
	var plans []billing.Plan
	for _, id := range ids {
		p, err := c.LockPlan(ctx, id)
		if err != nil {
			return nil, err
		}
		if p.CardID == card {
			plans = append(plans, p)
		}
	}
	return plans, nil
}

// checkReplacement returns the card that replaces from, and refuses a card that can't.
func (c *cardChange) checkReplacement(to billing.CardID, from billing.Card) (billing.CardID, error) {
	replacement, err := c.card(to)
	switch {
	case errors.Is(err, billing.ErrNotFound), replacement.ID == from.ID:
		return "", invalid("to", "the customer has no other card %s", to)
	case replacement.Account != from.Account:
		return "", invalid("to", "card %s belongs to another account", to)
	case !replacement.Chargeable():
		return "", &RefusedError{What: "card " + string(from.ID) + " is not removed",
			Why: fmt.Sprintf("its replacement, the %s, can't be charged", replacement.Label())}
	}
	return replacement.ID, nil
}

// replaceCard changes a plan from a removed card to its replacement, or leaves the plan without a
// card.
func (c *cardChange) replaceCard(ctx context.Context, p billing.Plan, removed billing.Card, to billing.CardID) error {
	row := PlanCard{Plan: p.ID, Reference: p.Reference, Why: "the merchant named it"}
	rest := billing.CardsInOrder(c.cards, p.Account, c.now)
	switch {
	case to != "":
		row.Card = to
	case !p.BackupCards:
		row.Why = "the customer did not agree that another card be charged"
	case len(rest) == 0:
		row.Why = "the customer has no other card"
	default:
		row.Card, row.Why = rest[0].ID, "the customer agreed that another card be charged, and it is the next in order"
	}
	c.plans = append(c.plans, row)
	_, err := changePlan(ctx, c.Tx, c.rules, p.ID, c.now, func(ch *change) (billing.AuditEntry, error) {
		entry := billing.AuditEntry{Action: "plan.card_removed", CardID: removed.ID}
		if row.Card == "" {
			entry.Message = fmt.Sprintf("plan %s: the %s was removed, and %s", p.Reference, removed.Label(), row.Why)
			entry.Next = "the next charge asks the customer for a card"
			return entry, nil
		}
		replacement, err := c.card(row.Card)
		if err != nil {
			return entry, err
		}
		ch.Plan.CardID = row.Card
		tried, err := ch.TryCard(ctx, billing.NewCard{Why: "another card replaces the removed one", Now: c.now})
		entry.Action, entry.CardID, entry.Next = "plan.card_changed", row.Card, ch.whatIsTried(tried)
		entry.Message = fmt.Sprintf("plan %s: it is charged on the %s, because the %s was removed: %s", p.Reference, replacement.Label(), removed.Label(), row.Why)
		return entry, err
	})
	return err
}

// tryReleased makes the charges of a plan that wait for the card due at once.
func (c *cardChange) tryReleased(ctx context.Context, id billing.PlanID, card billing.Card) error {
	rule := billing.NewCard{Why: fmt.Sprintf("the %s may be charged again", card.Label()), Now: c.now, WaitingOnly: true}
	return work(c.rules).In(ctx, c.Tx, c.now, id, func(t *planwork.Tx) error {
		_, err := t.TryCard(ctx, rule)
		return err
	})
}
