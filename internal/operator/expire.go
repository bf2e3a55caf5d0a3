package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// ExpiryStore is the database, as CheckoutExpirer needs it.
type ExpiryStore interface {
	Store
	Plans(ctx context.Context, f billing.PlanFilter) ([]billing.Plan, error)
	PlanCharges(ctx context.Context, ids ...billing.PlanID) ([]billing.Charge, error)
}

// ExpiryGateway is Stripe, as CheckoutExpirer needs it.
type ExpiryGateway interface {
	PaymentIntent(ctx context.Context, id string) (billing.PaymentIntent, error)
	CancelPaymentIntent(ctx context.Context, key, id string) (billing.PaymentIntent, error)
	SetupIntent(ctx context.Context, id string) (billing.SetupIntent, error)
	CancelSetupIntent(ctx context.Context, key, id string) (billing.SetupIntent, error)
}

// CheckoutExpirer cancels plans whose checkout was not completed in time.
type CheckoutExpirer struct {
	Store   ExpiryStore
	Gateway ExpiryGateway
	Days    int // until a plan expires whose terms set no time; 0 means never
}

// Run cancels every plan that still waits for its first payment, or for its card, when its time is
// up, and returns their number. It first cancels the intent that the customer could still confirm,
// and checks that Stripe canceled it, so a plan is kept if Stripe accepts the payment meanwhile. If
// Stripe does not answer, the plan is left to the next run. Errors: *billing.GatewayError,
// billing.ErrUnavailable.
func (e CheckoutExpirer) Run(ctx context.Context, now time.Time) (expired int, err error) {
	var failed error
	for p, err := range billing.EachPlan(ctx, e.Store, billing.PlanFilter{Status: billing.PlanAwaitingFirstPayment}) {
		if err != nil {
			return expired, err
		}
		if at := p.ExpiryAfter(e.Days); at.IsZero() || at.After(now) {
			continue
		}
		done, err := e.expire(ctx, p, now)
		if errors.Is(err, billing.ErrUnavailable) || ctx.Err() != nil {
			return expired, errors.Join(failed, err)
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("plan %s is not expired: %w", p.ID, err) // the other plans are still handled
		}
		if done {
			expired++
		}
	}
	return expired, failed
}

// expire cancels one plan, unless its customer completed the checkout.
func (e CheckoutExpirer) expire(ctx context.Context, p billing.Plan, now time.Time) (bool, error) {
	charges, err := e.Store.PlanCharges(ctx, p.ID)
	if err != nil || len(charges) == 0 {
		return false, err
	}
	at := p.ExpiryAfter(e.Days)
	closed, err := e.close(billing.OnAccount(ctx, p.Account), p, charges[0].PaymentIntent, now)
	if err != nil || !closed {
		return false, err
	}
	_, err = e.operator(now).inPlan(ctx, p.ID, func(c *change) (billing.AuditEntry, error) {
		if c.Plan.Status != billing.PlanAwaitingFirstPayment {
			return billing.AuditEntry{}, c.refuse("expired", "it is "+string(c.Plan.Status))
		}
		if c.Plan.SetupIntent != p.SetupIntent || c.Charges[0].PaymentIntent != charges[0].PaymentIntent {
			return billing.AuditEntry{}, c.refuse("expired", "its customer was given another payment")
		}
		why := "the checkout was not completed by " + at.UTC().Format("2006-01-02 15:04 MST")
		stopped, _, err := c.stopCharges(why)
		c.Plan.Status, c.Plan.Reason = billing.PlanCanceled, why
		c.Plan.EndRecurrence()
		return billing.AuditEntry{
			Action: "plan.canceled", Message: fmt.Sprintf("plan %s is canceled, with %d charges: %s", c.Plan.Reference, stopped, why),
		}, err
	})
	var refused *RefusedError
	if errors.As(err, &refused) || errors.Is(err, billing.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// operator returns the Operator that cancels the plans of one run.
func (e CheckoutExpirer) operator(now time.Time) *Operator {
	return New(e.Store, func() time.Time { return now }, billing.Rules{})
}

// close cancels the intent at Stripe that the customer could still confirm, and reports whether it
// is canceled, or never existed. If Stripe's answer to the request that created it was lost, the
// customer does not have the client secret and can't pay; a worker looks for the intent once the
// plan is canceled.
func (e CheckoutExpirer) close(ctx context.Context, p billing.Plan, payment string, now time.Time) (bool, error) {
	key := func(id string) string { return fmt.Sprintf("expire-%s-%d", id, now.UnixMilli()) }
	switch {
	case payment != "":
		return closeIntent(ctx, payment, key(payment), func(pi billing.PaymentIntent) billing.IntentStatus { return pi.Status },
			e.Gateway.PaymentIntent, e.Gateway.CancelPaymentIntent)
	case p.SetupIntent != "":
		return closeIntent(ctx, p.SetupIntent, key(p.SetupIntent), func(si billing.SetupIntent) billing.IntentStatus { return si.Status },
			e.Gateway.SetupIntent, e.Gateway.CancelSetupIntent)
	}
	return true, nil
}

// closeIntent cancels a PaymentIntent or SetupIntent, unless the customer has confirmed it.
func closeIntent[T any](
	ctx context.Context, id, key string, status func(T) billing.IntentStatus,
	fetch func(ctx context.Context, id string) (T, error), cancel func(ctx context.Context, key, id string) (T, error),
) (bool, error) {
	intent, err := fetch(ctx, id)
	if err == nil && confirmable(status(intent)) {
		intent, err = cancel(ctx, key, id)
		var ge *billing.GatewayError
		if errors.As(err, &ge) && (ge.Finished() || !ge.Resend()) {
			intent, err = fetch(ctx, id) // it was paid or canceled meanwhile
		}
	}
	if errors.Is(err, billing.ErrNotFound) {
		return true, nil
	}
	return err == nil && status(intent) == billing.IntentCanceled, err
}

// confirmable reports whether the customer could still confirm the intent.
func confirmable(s billing.IntentStatus) bool {
	switch s {
	case billing.IntentSucceeded, billing.IntentProcessing, billing.IntentRequiresCapture, billing.IntentCanceled:
		return false
	}
	return true
}
