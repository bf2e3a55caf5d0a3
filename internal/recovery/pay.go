package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tranche/internal/billing"
)

// Order is what a customer wants to pay, and with what.
type Order struct {
	// Charges of the link's plan: all that is due, or one that may be paid ahead. None means what
	// the page leads with.
	Charges []billing.ChargeID
	// Total is what the customer was shown, in minor units; 0 is not compared.
	Total int64
	// Saved: with the saved card. Otherwise another card is given, and saved for what comes later.
	Saved bool
	// Evidence of the agreement to save the other card. It is needed unless Saved.
	Evidence *Evidence
	// Address is the IP address of the browser; may be empty.
	Address string
}

// Handover is what a browser needs to confirm a payment or to save a card. When Branch is not a
// payable one there is nothing to confirm, and nothing else is set.
type Handover struct {
	Charge        billing.ChargeID // empty for a card
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

// Pay hands out the client secret of each charge's one PaymentIntent, which it makes where there is
// none yet. The worker confirms the same PaymentIntent, so a customer who pays at the very moment
// of a retry pays once: Stripe refuses the second success. Errors: ErrGone, ErrNotYours,
// ErrNoConsent, ErrLocked, ErrDiffers, *billing.GatewayError, billing.ErrUnavailable.
func (d *Desk) Pay(ctx context.Context, token string, o Order) ([]Handover, error) {
	ctx, v, err := d.enter(ctx, token)
	if err != nil {
		return nil, err
	}
	wanted, err := d.wanted(ctx, v, o.Charges)
	if err != nil {
		return nil, err
	}
	if o.Total != 0 && o.Total != totalOf(wanted) {
		return nil, fmt.Errorf("the amount has changed: %w", ErrNotYours)
	}
	for _, about := range wanted {
		if err := d.locked(ctx, about, o.Address); err != nil {
			return nil, err
		}
	}
	given := make([]Handover, len(wanted))
	for i, about := range wanted {
		if given[i], err = d.payOne(ctx, about, o); err != nil {
			return nil, err
		}
		given[i].Charge = about.Charge.ID
	}
	return given, nil
}

// payOne hands out the client secret of the charge that v is about.
func (d *Desk) payOne(ctx context.Context, v Visit, o Order) (Handover, error) {
	switch {
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

// wanted turns a visit to each of the charges that are to be paid.
func (d *Desk) wanted(ctx context.Context, v Visit, ids []billing.ChargeID) ([]Visit, error) {
	if len(ids) == 0 {
		for _, c := range v.Due {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		ids = []billing.ChargeID{v.Charge.ID}
	}
	list := make([]Visit, len(ids))
	attempts, err := d.Store.Attempts(ctx, ids...)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		at := slices.IndexFunc(v.Charges, func(c billing.Charge) bool { return c.ID == id })
		if at < 0 || slices.Contains(ids[:i], id) {
			return nil, ErrNotYours
		}
		list[i] = v
		list[i].Charge = v.Charges[at]
		list[i].Branch = d.branchOf(v.Plan, v.Charges[at], v.Card, attemptsAt(attempts, id))
		if list[i].Branch == BranchAhead && !v.offers(id) { // what is owed comes first
			return nil, ErrNotYours
		}
	}
	return list, nil
}

// offers reports whether the page lets a charge be paid that is not due yet.
func (v Visit) offers(id billing.ChargeID) bool {
	return len(v.Due) == 0 && (v.Charge.ID == id || v.Ahead != nil && v.Ahead.ID == id)
}

func totalOf(visits []Visit) (total int64) {
	for _, v := range visits {
		total += v.Charge.Amount
	}
	return total
}

// attemptsAt picks the attempts at one charge.
func attemptsAt(attempts []billing.Attempt, id billing.ChargeID) []billing.Attempt {
	var found []billing.Attempt
	for _, a := range attempts {
		if a.ChargeID == id {
			found = append(found, a)
		}
	}
	return found
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
	branch := branchAt(v.Branch, pi)
	if branch.Payable() && (pi.Amount != v.Charge.Amount || pi.Currency != v.Charge.Currency) {
		return pi, "", fmt.Errorf("%w: %s is for %s, charge %s for %s", ErrDiffers, pi.ID,
			billing.FormatAmount(pi.Amount, pi.Currency), v.Charge.ID, billing.FormatAmount(v.Charge.Amount, v.Charge.Currency))
	}
	return pi, branch, nil
}

// branchAt is the branch that a PaymentIntent's state leaves.
func branchAt(branch Branch, pi billing.PaymentIntent) Branch {
	switch pi.Status {
	case billing.IntentSucceeded:
		return BranchPaid
	case billing.IntentProcessing, billing.IntentRequiresCapture:
		return BranchProcessing
	case billing.IntentCanceled: // its event has not been handled yet; it says what follows
		return BranchProcessing
	}
	return branch
}

// handOver takes the last look under the plan's lock, writes the consent down, and gives the secret
// out. Whoever is given the secret can pay, so it belongs to the charge's own PaymentIntent, or
// nobody gets it.
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
		out.Branch = d.branchOf(again.Plan, c, again.Card, attempts)
		if c.PaymentIntent != pi.ID {
			out.Branch = BranchProcessing // it was replaced meanwhile
		}
		if !out.Branch.Payable() {
			return nil
		}
		if c.Amount != v.Charge.Amount {
			return fmt.Errorf("the amount of charge %s has changed: %w", c.ID, ErrNotYours)
		}
		if err := v.noteHandout(ctx, tx, billing.CardTryPayment, pi.ID, o.Address, now); err != nil {
			return err
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
