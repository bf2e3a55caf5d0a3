package collect

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// errElsewhere is the error for a charge if Stripe knows neither its customer nor its card: the key
// belongs to another account. The outcome of the attempt is unknown, and the card remains valid.
var errElsewhere = errors.New("the key's Stripe account has neither this customer nor this card: it is another account")

// elsewhere reports whether Stripe has neither the customer nor the card of a call. The
// PaymentMethods of a deleted customer can still be fetched, so they would be found. If Stripe
// names the account as the database's, the two never existed: an import named them.
func (co *Collector) elsewhere(ctx context.Context, c tried) (bool, error) {
	if c.customer == "" || c.attempt.Params.PaymentMethod == "" {
		return false, nil
	}
	if _, err := co.Gateway.PaymentMethod(ctx, c.attempt.Params.PaymentMethod); err == nil || !errors.Is(err, billing.ErrNotFound) {
		return false, err
	}
	exists, err := co.Gateway.CustomerExists(ctx, c.customer)
	if err != nil || exists || co.OwnAccount != nil && co.OwnAccount(ctx) {
		return false, err
	}
	return true, nil
}

// ofAnotherAccount is the result of a call that reached another account.
func (co *Collector) ofAnotherAccount() result {
	if co.Suspect != nil {
		co.Suspect()
	}
	return result{outcome: billing.OutcomeUnknown, elsewhere: true, err: errElsewhere}
}

// noteElsewhere opens an incident for a charge that was sent to another account.
func noteElsewhere(ctx context.Context, t *planwork.Tx, c *billing.Charge, a billing.Attempt) error {
	_, err := t.OpenIncident(ctx, billing.Incident{
		Kind: billing.IncidentWrongAccount, Subject: string(c.ID), PlanID: t.Plan.ID, ChargeID: c.ID, CustomerID: t.Customer.ID,
		Account: t.Plan.Account, OpenedAt: t.Now,
		Detail: fmt.Sprintf("attempt %d at charge %d: %v; the charge waits, and the card is not marked", a.Number, c.Sequence, errElsewhere),
	})
	return err
}

// reachedAccount closes that incident once Stripe has answered for the charge.
func reachedAccount(ctx context.Context, t *planwork.Tx, c *billing.Charge, a billing.Attempt) error {
	if a.SendCount < 2 { // it was answered at once
		return nil
	}
	return t.CloseIncidents(ctx, billing.IncidentWrongAccount, string(c.ID), "Stripe answered for the charge", t.Now)
}
