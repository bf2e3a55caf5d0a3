package importing

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/terms"
)

// prepared are the rows of a batch.
type prepared struct {
	billing.Imported
	updated []*billing.Customer // existing customers that get their Stripe customer
	audit   []billing.AuditEntry
	notices []billing.Notice
	sum     Summary
}

// known holds the existing rows of a batch, and the rows that the batch adds.
type known struct {
	plans     map[string]billing.Plan
	customers map[string]*billing.Customer
	cards     map[string]billing.Card
}

func (im *Importer) known(ctx context.Context, r billing.ImportReader, batch []numbered) (known, error) {
	k := known{plans: map[string]billing.Plan{}, customers: map[string]*billing.Customer{}, cards: map[string]billing.Card{}}
	var references, customers, cards []string
	for _, n := range batch {
		references, customers, cards = append(references, n.Reference), append(customers, n.Customer.Reference), append(cards, n.Card)
	}
	plans, err := r.PlansByReference(ctx, references...)
	if err != nil {
		return k, err
	}
	for _, p := range plans {
		k.plans[p.Reference] = p
	}
	there, err := r.CustomersByReference(ctx, customers...)
	if err != nil {
		return k, err
	}
	for i := range there {
		k.customers[there[i].Reference] = &there[i]
	}
	im.addDrafted(k, customers)
	saved, err := r.CardsByPaymentMethod(ctx, cards...)
	for _, c := range saved {
		k.cards[c.PaymentMethod] = c
	}
	return k, err
}

// addDrafted adds the customers that earlier batches of a check would add.
func (im *Importer) addDrafted(k known, references []string) {
	for _, reference := range references {
		t, isDrafted := im.drafted[reference]
		if _, isThere := k.customers[reference]; isDrafted && !isThere {
			k.customers[reference] = &billing.Customer{
				Reference: reference, Email: t.Email, Name: t.Name, Locale: t.Locale, TimeZone: t.TimeZone, StripeCustomer: t.StripeCustomer,
			}
		}
	}
}

// prepare builds the rows of a batch, and records the faults of its lines.
func (im *Importer) prepare(ctx context.Context, r billing.ImportReader, batch []numbered) (prepared, error) {
	out := prepared{sum: Summary{Lines: int64(len(batch)), Totals: map[money.Currency]Totals{}}}
	k, err := im.known(ctx, r, batch)
	if err != nil {
		return out, err
	}
	for i := range batch {
		n := &batch[i]
		switch present, isPresent := k.plans[n.Reference]; {
		case len(n.bad) > 0:
		case isPresent && bytes.Equal(present.Terms, n.canonical()):
			out.sum.Present++
			continue
		case isPresent:
			n.bad = append(n.bad, fault("reference", "belongs to plan %s, which has other terms", present.ID))
		default:
			n.bad = append(n.bad, im.add(&out, k, n.Line)...)
		}
		if len(n.bad) > 0 {
			out.sum.Bad++
		}
	}
	return out, nil
}

// add builds the rows of one plan, unless it has faults.
func (im *Importer) add(out *prepared, k known, l Line) []billing.FieldError {
	now := im.Now()
	customer, isThere := k.customers[l.Customer.Reference]
	asThere := l
	if isThere { // dates are calculated in the customer's time zone
		asThere.Customer.TimeZone = customer.TimeZone
	} else {
		asThere.Customer.TimeZone = cmp.Or(l.Customer.TimeZone, im.Rules.TimeZone)
	}
	plan, bad := im.draft(asThere, now)
	card, isSaved := k.cards[l.Card]
	if !isSaved {
		card = im.newCard(l, now)
		bad = append(bad, im.cardFaults(l, card)...)
	}
	bad = append(bad, k.faults(l)...)
	if len(bad) > 0 {
		return bad
	}
	customer = out.customer(k, customer, l, im.Rules, now)
	if !isSaved {
		card.CustomerID = customer.ID
		out.Cards = append(out.Cards, card)
		k.cards[l.Card] = card
	}
	out.plan(l, customer, card, plan, now)
	if im.Confirm && customer.Email != "" {
		out.confirm(*customer, card)
	}
	return nil
}

// faults returns the conflicts of the line's card and customer with the database.
func (k known) faults(l Line) []billing.FieldError {
	var bad []billing.FieldError
	customer, isThere := k.customers[l.Customer.Reference]
	card, isSaved := k.cards[l.Card]
	switch {
	case isSaved && (!isThere || card.CustomerID != customer.ID):
		bad = append(bad, fault("card", "%s is saved for another customer", l.Card))
	case isSaved && (!card.Chargeable() || card.Account != l.Account):
		bad = append(bad, fault("card", "the %s card ending %s exists already and can't be charged: it is %s %s", card.Brand, card.Last4, card.Status, card.Hold))
	}
	if l.Account == "" && isThere && customer.StripeCustomer != "" && customer.StripeCustomer != l.Customer.StripeCustomer {
		bad = append(bad, fault("customer.stripe_customer", "the customer is %s at Stripe", customer.StripeCustomer))
	}
	if isThere {
		bad = append(bad, differences(*customer, l.Customer)...)
	}
	return bad
}

// differences returns the fields of a known customer that differ in the line: an import does not
// change customers.
func differences(c billing.Customer, t terms.Customer) []billing.FieldError {
	var bad []billing.FieldError
	for _, f := range []struct{ name, stored, given string }{
		{"email", c.Email, t.Email}, {"name", c.Name, t.Name}, {"locale", c.Locale, t.Locale}, {"timezone", c.TimeZone, t.TimeZone},
	} {
		if f.given != "" && f.given != f.stored {
			bad = append(bad, fault("customer."+f.name, "differs from the stored data of customer %s: leave it out, or change it first (tranche customer update)", c.Reference))
		}
	}
	return bad
}

// newCard returns the card as Stripe or the file describes it.
func (im *Importer) newCard(l Line, now time.Time) billing.Card {
	month, year, _ := l.exp()
	card := billing.Card{
		ID: billing.NewCardID(now), PaymentMethod: l.Card, StripeCustomer: l.Customer.StripeCustomer, Brand: l.CardBrand, Last4: l.CardLast4,
		ExpMonth: month, ExpYear: year, Status: billing.CardActive, Account: l.Account, CreatedAt: now, UpdatedAt: now,
	}
	if v := im.verified[l.named()]; v.known {
		card.Brand, card.Last4, card.ExpMonth, card.ExpYear, card.Fingerprint = v.card.Brand, v.card.Last4, v.card.ExpMonth, v.card.ExpYear, v.card.Fingerprint
	}
	return card
}

// customer returns the row of the line's customer. An existing customer stays as they are, except
// for a missing Stripe customer.
func (p *prepared) customer(k known, c *billing.Customer, l Line, rules billing.Rules, now time.Time) *billing.Customer {
	switch {
	case c == nil:
		t := l.Customer
		c = &billing.Customer{
			ID: billing.NewCustomerID(now), Reference: t.Reference, Email: t.Email, Name: t.Name, Locale: t.Locale, TimeZone: t.TimeZone,
			CreatedAt: now, UpdatedAt: now,
		}
		rules.FillIn(c)
		if l.Account == "" { // in a connected account, the card names the Stripe customer
			c.StripeCustomer = t.StripeCustomer
		}
		k.customers[t.Reference] = c
		p.Customers = append(p.Customers, *c)
	case c.StripeCustomer == "" && l.Account == "":
		c.StripeCustomer, c.UpdatedAt = l.Customer.StripeCustomer, now
		p.updated = append(p.updated, c)
	}
	return c
}

// plan adds the plan: it is active at once, and earlier payments become one charge that was paid
// outside Stripe.
func (p *prepared) plan(l Line, customer *billing.Customer, card billing.Card, left drafted, now time.Time) {
	plan := billing.Plan{
		ID: billing.PlanIDFor(left.firstDue(), "import", l.Account, l.Reference), Reference: l.Reference, CustomerID: customer.ID, CardID: card.ID, Kind: l.Kind, Status: billing.PlanActive,
		Currency: l.Currency, Terms: l.canonical(), Policy: l.Policy, BackupCards: l.BackupCardsAllowed, Recurrence: left.recurrence,
		Schedule: left.schedule, CatchUp: l.CatchUp,
		Account: l.Account, CreatedAt: now, UpdatedAt: now, ActivatedAt: now,
	}
	charge := func(amount int64, due time.Time) billing.Charge {
		plan.Total += amount
		return billing.Charge{
			PlanID: plan.ID, CustomerID: customer.ID, Amount: amount, Currency: l.Currency, DueAt: due,
			Status: billing.ChargeScheduled, NextAttemptAt: due, ClaimAfter: due, CreatedAt: now, UpdatedAt: now,
		}
	}
	var charges []billing.Charge
	if l.Paid > 0 {
		paid := charge(l.Paid, left.paidAt)
		paid.Status, paid.PaidOutside, paid.PaidAt, paid.NextAttemptAt, paid.ClaimAfter = billing.ChargeSucceeded, true, left.paidAt, time.Time{}, time.Time{}
		paid.Reason = "paid before the import"
		charges = append(charges, paid)
	}
	for _, d := range left.charges {
		charges = append(charges, charge(d.Amount, d.DueAt))
	}
	for i := range charges {
		charges[i].ID, charges[i].Sequence = billing.ChargeIDFor(plan.ID, i+1), i+1
	}
	p.Plans, p.Charges = append(p.Plans, plan), append(p.Charges, charges...)
	p.count(plan, l.Paid, int64(len(charges)))
	p.audit = append(p.audit, billing.AuditEntry{
		At: now, Action: "plan.imported", PlanID: plan.ID, CustomerID: customer.ID,
		Message: fmt.Sprintf("plan %s is imported: %s, %s paid before", plan.Reference, plan.Kind, money.FormatAmount(l.Paid, plan.Currency)),
		Next:    next(left.charges[0], plan.Currency),
	})
}

// confirm adds the notice with the payments of the plan that was added last.
func (p *prepared) confirm(customer billing.Customer, card billing.Card) {
	plan := p.Plans[len(p.Plans)-1]
	first := slices.IndexFunc(p.Charges, func(c billing.Charge) bool { return c.PlanID == plan.ID })
	p.notices = append(p.notices, billing.Confirmation(plan, customer, p.Charges[first:], card))
}

func next(c terms.ChargeDraft, currency money.Currency) string {
	amount := money.FormatAmount(c.Amount, currency)
	if c.DueAt.IsZero() {
		return amount + " is charged on request"
	}
	return fmt.Sprintf("%s falls due %s", amount, c.DueAt.Format(time.RFC3339))
}

func (p *prepared) count(plan billing.Plan, paid, charges int64) {
	p.sum.New++
	p.sum.Charges += charges
	t := p.sum.Totals[plan.Currency]
	p.sum.Totals[plan.Currency] = Totals{Plans: t.Plans + 1, Paid: t.Paid + paid, Left: t.Left + plan.Total - paid}
}
