package jobs

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// errElsewhere is a charge of whose customer and card Stripe knows neither: the key belongs to
// another account. Nothing is known of the attempt, and the card is as good as before.
var errElsewhere = errors.New("the key's Stripe account has neither this customer nor this card: it is another account")

// elsewhere reports whether Stripe has neither the customer nor the card of a call. A customer that
// was deleted leaves its PaymentMethods behind, which can be fetched for ever. Where Stripe names
// the account as the database's, the two never existed: an import named them.
func (w *Worker) elsewhere(ctx context.Context, c call) (bool, error) {
	if c.customer == "" || c.attempt.Params.PaymentMethod == "" {
		return false, nil
	}
	if _, err := w.Gateway.PaymentMethod(ctx, c.attempt.Params.PaymentMethod); err == nil || !errors.Is(err, billing.ErrNotFound) {
		return false, err
	}
	exists, err := w.Gateway.CustomerExists(ctx, c.customer)
	if err != nil || exists || w.OwnAccount != nil && w.OwnAccount(ctx) {
		return false, err
	}
	return true, nil
}

// ofAnotherAccount is the result of a call that reached another account.
func (w *Worker) ofAnotherAccount() result {
	if w.Suspect != nil {
		w.Suspect()
	}
	return result{outcome: billing.OutcomeUnknown, elsewhere: true, err: errElsewhere}
}

// noteElsewhere opens the incident of a charge that reached another account.
func (t *planTx) noteElsewhere(ctx context.Context, c *billing.Charge, a billing.Attempt) error {
	_, err := t.OpenIncident(ctx, billing.Incident{
		Kind: billing.IncidentWrongAccount, Subject: string(c.ID), PlanID: t.plan.ID, ChargeID: c.ID, CustomerID: t.customer.ID,
		Account: t.plan.Account, OpenedAt: t.now,
		Detail: fmt.Sprintf("attempt %d at charge %d: %v; the charge waits, and the card is not marked", a.Number, c.Sequence, errElsewhere),
	})
	return err
}

// reachedAccount closes that incident once Stripe answered for the charge.
func (t *planTx) reachedAccount(ctx context.Context, c *billing.Charge, a billing.Attempt) error {
	if a.SendCount < 2 { // it was answered at once
		return nil
	}
	return t.CloseIncidents(ctx, billing.IncidentWrongAccount, string(c.ID), "Stripe answered for the charge", t.now)
}

// notHereError is an event about an object that Stripe does not have. Stripe deletes none of them,
// so the key belongs to another account than the event: it is handled again later, and listed as
// failed in the end.
type notHereError struct{ what, id string }

// Error names the object.
func (e *notHereError) Error() string {
	return fmt.Sprintf("the key's Stripe account has no %s %s, which this event is about: it is another account", e.what, e.id)
}

func notHere(what, id string) error { return &notHereError{what, id} }
