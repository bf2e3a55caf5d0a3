package planning

import (
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/terms"
)

// rows are the rows of a new plan.
type rows struct {
	customer    billing.Customer
	newCustomer bool         // the customer is not in the database yet
	card        billing.Card // named by the terms; zero when they name none
	newCard     bool         // the card is not in the database yet
	plan        billing.Plan
	charges     []billing.Charge
	attempt     billing.Attempt // at the payment in the checkout; zero without one
}

// build returns the rows of a plan. The charges are not scheduled until the first payment, or the
// card, activates the plan; a plan on a named card is active at once.
func build(id billing.PlanID, t terms.Terms, canonical []byte, proposed proposal, now time.Time) rows {
	c, card := proposed.customer, proposed.card
	isNew := c.ID == ""
	if isNew {
		c.ID, c.CreatedAt = billing.NewCustomerID(now), now
	}
	c.UpdatedAt = now
	card.CustomerID = c.ID
	plan := billing.Plan{
		ID: id, Reference: t.Reference, CustomerID: c.ID, CardID: card.ID, Kind: t.Kind, Currency: t.Currency,
		Status: billing.PlanAwaitingFirstPayment, Terms: canonical, CreatedAt: now, UpdatedAt: now,
		Policy: t.Policy, BackupCards: t.BackupCardsAllowed, Recurrence: proposed.Recurrence, Account: t.Account, Connect: connectOf(t),
		Schedule: proposed.Schedule, CatchUp: t.CatchUp, ExpiresAt: t.ExpiresAt(now),
	}
	if plan.CardID != "" {
		plan.Status, plan.ActivatedAt = billing.PlanActive, now
	}
	if plan.CardID == "" && !proposed.Charges[0].Checkout {
		plan.SetupRequest = billing.NewSetupRequest(plan.ID, "", proposed.stripe)
	}
	charges := make([]billing.Charge, len(proposed.Charges))
	for i, d := range proposed.Charges {
		charges[i] = billing.Charge{
			ID: billing.ChargeIDFor(plan.ID, i+1), PlanID: plan.ID, CustomerID: c.ID, Sequence: i + 1, Amount: d.Amount,
			Currency: t.Currency, DueAt: d.DueAt, Checkout: d.Checkout, Status: billing.ChargeScheduled, CreatedAt: now, UpdatedAt: now,
		}
		if plan.Status == billing.PlanActive {
			charges[i].NextAttemptAt, charges[i].ClaimAfter = d.DueAt, d.DueAt
		}
		plan.Total += d.Amount
	}
	switch first := &charges[0]; {
	case first.Checkout:
		first.Status, first.Reason = billing.ChargeRequiresPaymentMethod, "waits for the customer to pay in the checkout"
	case plan.Status == billing.PlanAwaitingFirstPayment:
		first.Reason = "waits for the customer to enter a card"
	}
	return rows{customer: c, newCustomer: isNew, card: card, newCard: proposed.newCard, plan: plan, charges: charges}
}

func createdEntry(plan billing.Plan, charges []billing.Charge, now time.Time) billing.AuditEntry {
	first := money.FormatAmount(charges[0].Amount, plan.Currency)
	e := billing.AuditEntry{
		At: now, Action: "plan.created", PlanID: plan.ID, CustomerID: plan.CustomerID,
		Message: fmt.Sprintf("plan %s: %s of %s in %d charges", plan.Reference, plan.Kind, money.FormatAmount(plan.Total, plan.Currency), len(charges)),
		Next:    fmt.Sprintf("the customer pays the first %s in the checkout", first),
	}
	if r := plan.Recurrence; !r.IsZero() {
		e.Message = fmt.Sprintf("plan %s: %s of %s, then %s every %s", plan.Reference, plan.Kind, first, money.FormatAmount(r.Amount, plan.Currency), r.Every)
	}
	switch {
	case charges[0].Checkout:
	case plan.CardID == "":
		e.Next = "the customer enters a card in the checkout"
	case charges[0].DueAt.IsZero():
		e.Next = fmt.Sprintf("%s is charged on the saved card on request", first)
	default:
		e.Next = fmt.Sprintf("%s falls due %s, on the saved card", first, charges[0].DueAt.Format(time.RFC3339))
	}
	return e
}
