package recovery

import (
	"context"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// Order is what a customer wants to pay, and with what.
type Order struct {
	Charge billing.ChargeID // of the link's plan
	// Saved: with the saved card. Otherwise another card is given, and saved for what comes later.
	Saved bool
	// Evidence of the agreement to save the other card. It is needed unless Saved.
	Evidence *Evidence
}

// Handover is what a browser needs to confirm a payment or to save a card. When Branch is not a payable one there is
// nothing to confirm, and nothing else is set.
type Handover struct {
	Branch        Branch
	ClientSecret  billing.Secret // hand it to the customer who asked, and to nobody else
	PaymentMethod string         // pm_… of the saved card, when it is to be used
}

var (
	// ErrNoConsent: a card can't be saved without the customer's agreement.
	ErrNoConsent = errors.New("the customer has not agreed that the card is saved")
	// ErrNotYours: the charge is none that this link lets pay.
	ErrNotYours = errors.New("the link does not let pay this charge")
	// ErrDiffers: what Stripe holds is not what is owed; an operator must look.
	ErrDiffers = errors.New("stripe's payment differs from the charge")
)

// Pay hands out the client secret of the charge's one PaymentIntent, which it makes where there is none yet. The worker
// confirms the same PaymentIntent, so a customer who pays at the very moment of a retry pays once: Stripe refuses the
// second success. Errors: ErrGone, ErrNotYours, ErrNoConsent, ErrDiffers, *billing.GatewayError, billing.ErrUnavailable.
func (d *Desk) Pay(ctx context.Context, token string, o Order) (Handover, error) {
	v, err := d.Visit(ctx, token)
	if err != nil {
		return Handover{}, err
	}
	v, err = d.about(ctx, v, o.Charge)
	switch {
	case err != nil:
		return Handover{}, err
	case !v.Branch.Payable():
		return Handover{Branch: v.Branch}, nil
	case o.Saved && v.Card == nil:
		return Handover{}, fmt.Errorf("no saved card: %w", ErrNotYours)
	case !o.Saved && o.Evidence == nil:
		return Handover{}, ErrNoConsent
	}
	pi, branch, err := d.intent(billing.OnAccount(ctx, v.Plan.Account), v)
	if err != nil || !branch.Payable() {
		return Handover{Branch: branch}, err
	}
	return d.handOver(ctx, v, o, pi)
}

// about turns a visit to the charge that is to be paid: the page's own, or the one that may be paid ahead.
func (d *Desk) about(ctx context.Context, v Visit, id billing.ChargeID) (Visit, error) {
	if id == "" || id == v.Charge.ID {
		return v, nil
	}
	for _, c := range v.Charges {
		if c.ID != id {
			continue
		}
		attempts, err := d.Store.Attempts(ctx, id)
		if err != nil {
			return v, err
		}
		offered := v.Ahead != nil && v.Ahead.ID == id
		v.Charge, v.Branch = c, branchOf(v.Plan, c, v.Card, attempts)
		if v.Branch == BranchAhead && !offered { // what is owed comes first
			return v, ErrNotYours
		}
		return v, nil
	}
	return v, ErrNotYours
}

// intent fetches the charge's PaymentIntent, or makes it, and says what its state allows.
func (d *Desk) intent(ctx context.Context, v Visit) (billing.PaymentIntent, Branch, error) {
	id := v.Charge.PaymentIntent
	if id == "" {
		return d.makeIntent(ctx, v)
	}
	pi, err := d.Gateway.PaymentIntent(ctx, id)
	if err != nil {
		return pi, "", err
	}
	branch := v.Branch
	switch pi.Status {
	case billing.IntentSucceeded:
		branch = BranchPaid
	case billing.IntentProcessing, billing.IntentRequiresCapture:
		branch = BranchProcessing
	case billing.IntentCanceled: // its event has not been handled yet; it says what follows
		branch = BranchProcessing
	}
	if branch.Payable() && (pi.Amount != v.Charge.Amount || pi.Currency != v.Charge.Currency) {
		return pi, "", fmt.Errorf("%w: %s is for %s, charge %s for %s", ErrDiffers, pi.ID,
			billing.FormatAmount(pi.Amount, pi.Currency), v.Charge.ID, billing.FormatAmount(v.Charge.Amount, v.Charge.Currency))
	}
	return pi, branch, nil
}

// handOver takes the last look under the plan's lock, writes the consent down, and gives the secret out. Whoever is given
// the secret can pay, so it belongs to the charge's own PaymentIntent, or nobody gets it.
func (d *Desk) handOver(ctx context.Context, v Visit, o Order, pi billing.PaymentIntent) (Handover, error) {
	out := Handover{}
	now := d.Now()
	err := d.Store.Update(ctx, func(tx billing.Tx) error {
		out = Handover{}
		if _, err := tx.LockPlan(ctx, v.Plan.ID); err != nil {
			return err
		}
		again, err := d.load(ctx, tx, v.Link)
		if err != nil {
			return err
		}
		c, err := tx.Charge(ctx, v.Charge.ID)
		if err != nil {
			return err
		}
		attempts, err := tx.Attempts(ctx, c.ID)
		if err != nil {
			return err
		}
		out.Branch = branchOf(again.Plan, c, again.Card, attempts)
		if c.PaymentIntent != pi.ID {
			out.Branch = BranchProcessing // it was replaced meanwhile
		}
		if !out.Branch.Payable() {
			return nil
		}
		out.ClientSecret = pi.ClientSecret
		if o.Saved {
			if again.Card == nil {
				return fmt.Errorf("no saved card: %w", ErrNotYours)
			}
			out.PaymentMethod = again.Card.PaymentMethod
			return nil
		}
		return tx.InsertConsent(ctx, o.Evidence.consent(again, c.ID, pi.ID, now))
	})
	if err != nil {
		return Handover{}, err
	}
	return out, nil
}
