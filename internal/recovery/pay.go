package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// PayRequest is what a customer wants to pay, and with which card.
type PayRequest struct {
	// Charges of the link's plan: all that are due, or one that may be paid early. If empty, the
	// charges that the page leads with are meant.
	Charges []billing.ChargeID
	// Total is the amount that the customer was shown, in minor units; 0 is not compared.
	Total int64
	// Saved means that the customer pays with the saved card. Otherwise the customer enters another
	// card, which is saved for later charges.
	Saved bool
	// Evidence of the agreement to save the other card. It is required unless Saved.
	Evidence *Evidence
	// Address is the IP address of the browser; may be empty.
	Address string
}

// Confirmation is what a browser needs to confirm a payment or to save a card. If State is not
// payable, there is nothing to confirm, and nothing else is set.
type Confirmation struct {
	Charge        billing.ChargeID // empty for a card
	State         State
	ClientSecret  billing.Secret // return it to the customer who asked only
	PaymentMethod string         // pm_… of the saved card, if it is to be used
}

var (
	// ErrNoConsent means that a card can't be saved without the customer's agreement.
	ErrNoConsent = errors.New("the customer has not agreed that the card is saved")
	// ErrNotYours means that this link does not allow the charge to be paid.
	ErrNotYours = errors.New("this charge can't be paid with this link")
	// ErrDiffers means that Stripe's payment is not for the amount that is owed; the merchant must
	// look into it.
	ErrDiffers = errors.New("stripe's payment differs from the charge")
)

// Pay returns the client secret of each charge's PaymentIntent, which it creates if there is none
// yet. The worker confirms the same PaymentIntent, so a customer who pays during a retry pays once:
// Stripe refuses the second success. Errors: ErrGone, ErrNotYours, ErrNoConsent, ErrLocked,
// ErrDiffers, *billing.GatewayError, billing.ErrUnavailable.
func (d *Service) Pay(ctx context.Context, token string, o PayRequest) ([]Confirmation, error) {
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
	given := make([]Confirmation, len(wanted))
	for i, about := range wanted {
		if given[i], err = d.payOne(ctx, about, o); err != nil {
			return nil, err
		}
		given[i].Charge = about.Charge.ID
	}
	return given, nil
}

// payOne returns the client secret for the charge of v.
func (d *Service) payOne(ctx context.Context, v Page, o PayRequest) (Confirmation, error) {
	switch {
	case !v.State.Payable():
		return Confirmation{State: v.State}, nil
	case o.Saved && v.Card == nil:
		return Confirmation{}, fmt.Errorf("no saved card: %w", ErrNotYours)
	case !o.Saved && o.Evidence == nil:
		return Confirmation{}, ErrNoConsent
	}
	pi, state, err := d.intent(billing.OnAccount(ctx, v.Plan.Account), v)
	if err != nil || !state.Payable() {
		return Confirmation{State: state}, err
	}
	return d.confirm(ctx, v, o, pi)
}

// wanted returns a copy of the visit for each charge that is to be paid.
func (d *Service) wanted(ctx context.Context, v Page, ids []billing.ChargeID) ([]Page, error) {
	if len(ids) == 0 {
		for _, c := range v.Due {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		ids = []billing.ChargeID{v.Charge.ID}
	}
	list := make([]Page, len(ids))
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
		list[i].State = d.stateOf(v.Plan, v.Charges[at], v.Card, attemptsAt(attempts, id))
		if list[i].State == StatePayEarly && !v.offers(id) { // owed charges come first
			return nil, ErrNotYours
		}
	}
	return list, nil
}

// offers reports whether the page allows a charge to be paid that is not due yet.
func (v Page) offers(id billing.ChargeID) bool {
	return len(v.Due) == 0 && (v.Charge.ID == id || v.NextCharge != nil && v.NextCharge.ID == id)
}

func totalOf(visits []Page) (total int64) {
	for _, v := range visits {
		total += v.Charge.Amount
	}
	return total
}

// attemptsAt returns the attempts at one charge.
func attemptsAt(attempts []billing.Attempt, id billing.ChargeID) []billing.Attempt {
	var found []billing.Attempt
	for _, a := range attempts {
		if a.ChargeID == id {
			found = append(found, a)
		}
	}
	return found
}

// confirm makes the last check under the plan's lock, stores the consent, and returns the client
// secret. A client secret is enough to pay, so it returns no other secret than the one for the
// charge's own PaymentIntent.
func (d *Service) confirm(ctx context.Context, v Page, o PayRequest, pi billing.PaymentIntent) (Confirmation, error) {
	out := Confirmation{}
	now := d.Now()
	err := d.inPlan(ctx, v.Plan.ID, func(t *planwork.Tx) error {
		out = Confirmation{}
		l, err := d.again(ctx, t, v)
		if err != nil {
			return err
		}
		again, c := l.page, l.charge
		out.State = l.state
		if c.PaymentIntent != pi.ID {
			out.State = StateProcessing // it was replaced meanwhile
		}
		if !out.State.Payable() {
			return nil
		}
		if c.Amount != v.Charge.Amount {
			return fmt.Errorf("the amount of charge %s has changed: %w", c.ID, ErrNotYours)
		}
		if err := v.noteHandout(ctx, t.Tx, billing.CardTryPayment, pi.ID, o.Address, now); err != nil {
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
		return t.InsertConsent(ctx, o.Evidence.consent(again, c.ID, pi.ID, now))
	})
	if err != nil {
		return Confirmation{}, err
	}
	return out, nil
}
