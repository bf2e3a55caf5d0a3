package recovery

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
)

// State is what the page offers, given the status of the charge.
type State string

const (
	// StatePay asks for a card: the charge is due, and the card on file was declined or is gone.
	StatePay State = "pay"
	// StateAuthenticate asks the customer to confirm the payment with the bank, with the same card.
	StateAuthenticate State = "authenticate"
	// StateSetup asks for the first card of a plan that begins without a payment.
	StateSetup State = "setup"
	// StateCharging means that the worker is about to charge a new card: nothing can be done
	// meanwhile.
	StateCharging State = "charging"
	// StatePayEarly means that the charge is not due yet, but may be paid now.
	StatePayEarly State = "ahead"
	// StateWaits means that the charge is due on request: it has no date, and can't be paid before
	// the merchant requests it.
	StateWaits State = "waits"
	// StateProcessing means that the outcome at Stripe is open; nothing can be done meanwhile.
	StateProcessing State = "processing"
	// StatePaid means that the charge is paid.
	StatePaid State = "paid"
	// StateClosed means that the charge is not collected: canceled, paused, refunded or disputed.
	StateClosed State = "closed"
)

// Payable reports whether the customer can pay in this state.
func (s State) Payable() bool {
	return s == StatePay || s == StateAuthenticate || s == StatePayEarly
}

// Page is what a customer with a link may see.
type Page struct {
	Link     billing.PayLink
	Plan     billing.Plan
	Customer billing.Customer
	Charges  []billing.Charge // by sequence
	Charge   billing.Charge   // the charge that the page is about
	State    State
	// Due are the charges that are owed and can be paid now, by sequence. The page leads with them,
	// even if its link is for something else.
	Due []billing.Charge
	// PayBy is the deadline of the first charge of Due; zero if none is set.
	PayBy time.Time
	// Uses are the plans that a new card will be charged for, the page's own first: see usesOf.
	Uses []Use
	// NextCharge is a later charge that may be paid now if Charge itself is paid; nil if there is
	// none.
	NextCharge *billing.Charge
	// StripeCustomer is the customer's id in the plan's account (cus_…); empty if it is not known
	// yet.
	StripeCustomer string
	// Card is the plan's saved card; nil if there is none, or if it must not be charged.
	Card *billing.Card
	// Reason is why the last attempt failed, as the customer may be shown it; empty if there is
	// nothing to show.
	Reason billing.Reason
	// Locked means that too many cards were declined, and no other card is accepted for a while.
	Locked bool
	// ChangeCard reports whether the customer may add another card without paying.
	ChangeCard bool
	// DueOnSave reports whether the page's charge is due as soon as the card that its plan waits
	// for is saved.
	DueOnSave bool
}

// Total returns what the customer pays now, in minor units: all of Due, or the amount of the page's
// charge.
func (v Page) Total() int64 {
	if len(v.Due) == 0 {
		return v.Charge.Amount
	}
	var sum int64
	for _, c := range v.Due {
		sum += c.Amount
	}
	return sum
}

// ErrGone means that the link is unknown, has expired or was revoked. It does not show which.
var ErrGone = fmt.Errorf("the link is not valid: %w", billing.ErrNotFound)

// Page returns the page of a token. Errors: ErrGone, billing.ErrUnavailable.
func (d *Service) Page(ctx context.Context, token string) (Page, error) {
	link, err := d.Store.PayLink(ctx, hashOf(token))
	if errors.Is(err, billing.ErrNotFound) || err == nil && !link.Open(d.Now()) {
		return Page{}, ErrGone
	}
	if err != nil {
		return Page{}, err
	}
	v, err := d.load(ctx, d.Store, link)
	if err != nil {
		return Page{}, err
	}
	err = d.locked(ctx, v, "")
	if v.Locked = errors.Is(err, ErrLocked); v.Locked {
		err = nil
	}
	return v, err
}

// enter is Page for a request that changes something: it also returns a context whose actor is the
// link.
func (d *Service) enter(ctx context.Context, token string) (context.Context, Page, error) {
	v, err := d.Page(ctx, token)
	return byLink(ctx, v.Link), v, err
}

// byLink returns a context whose actor is the link.
func byLink(ctx context.Context, link billing.PayLink) context.Context {
	return billing.ActingAs(ctx, billing.Party{Actor: billing.NewActor(billing.ActorLink, string(link.ID))})
}

// Known reports whether a link with the token exists, valid or not. Text that can't be a token is
// not looked up. Errors: billing.ErrUnavailable.
func (d *Service) Known(ctx context.Context, token string) (bool, error) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return false, nil
	}
	_, err := d.Store.PayLink(ctx, hashOf(token))
	if errors.Is(err, billing.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// load reads the page of a link.
func (d *Service) load(ctx context.Context, r billing.Reader, link billing.PayLink) (Page, error) {
	details, err := billing.LoadDetails(ctx, r, link.PlanID)
	if err != nil {
		return Page{}, err
	}
	v := Page{Link: link, Plan: details.Plan, Customer: details.Customer, Charges: details.Charges}
	if len(v.Charges) == 0 {
		return Page{}, ErrGone
	}
	if v.Card, err = activeCard(ctx, r, v.Plan); err != nil {
		return Page{}, err
	}
	if v.StripeCustomer, err = billing.StripeCustomerIn(ctx, r, v.Customer, v.Plan.Account); err != nil {
		return Page{}, err
	}
	state := func(c billing.Charge) State { return d.stateOf(v.Plan, c, v.Card, details.Attempts[c.ID]) }
	v.Due = dueNow(v.Charges, state)
	v.Charge = focus(link, v.Due, v.Charges, state)
	v.State = v.stateOf(state)
	v.NextCharge = nextCharge(v)
	v.Reason = d.reason(v, details.Attempts[v.Charge.ID])
	v.ChangeCard = v.changesCard()
	v.DueOnSave = v.State == StateSetup && !v.Charge.DueAt.IsZero() && !v.Charge.DueAt.After(d.Now())
	if v.PayBy, err = payBy(ctx, r, v.Due); err != nil {
		return Page{}, err
	}
	v.Uses, err = usesOf(ctx, r, v)
	return v, err
}

// changesCard reports whether a card may be added without paying.
func (v Page) changesCard() bool {
	if v.Plan.Status == billing.PlanAwaitingFirstPayment {
		return v.State == StateSetup
	}
	return v.Plan.Status != billing.PlanCanceled && slices.ContainsFunc(v.Charges, func(c billing.Charge) bool { return !c.Status.Ended() })
}

// payBy returns the deadline of the first owed charge; zero if none is set.
func payBy(ctx context.Context, r billing.Reader, due []billing.Charge) (time.Time, error) {
	if len(due) == 0 {
		return time.Time{}, nil
	}
	follow, err := r.Dunning(ctx, due[0].ID)
	if errors.Is(err, billing.ErrNotFound) || err == nil && follow.Status != billing.DunningOpen {
		return time.Time{}, nil
	}
	return follow.DeadlineAt, err
}

func activeCard(ctx context.Context, r billing.Reader, plan billing.Plan) (*billing.Card, error) {
	if plan.CardID == "" {
		return nil, nil //nolint:nilnil // no card is no error
	}
	card, err := r.Card(ctx, plan.CardID)
	if err != nil || !card.Chargeable() {
		return nil, err
	}
	return &card, nil
}

// dueNow lists the charges that are owed and can be paid now.
func dueNow(charges []billing.Charge, state func(billing.Charge) State) []billing.Charge {
	var due []billing.Charge
	for _, c := range charges {
		if s := state(c); s == StatePay || s == StateAuthenticate {
			due = append(due, c)
		}
	}
	return due
}

// focus returns the charge that the page is about. In this order: one that is owed, one that waits
// for a first card or is being charged, the link's own, and the next open one.
func focus(link billing.PayLink, due, charges []billing.Charge, state func(billing.Charge) State) billing.Charge {
	if len(due) > 0 {
		return due[0]
	}
	for _, is := range []func(billing.Charge) bool{
		func(c billing.Charge) bool { return state(c) == StateSetup || state(c) == StateCharging },
		func(c billing.Charge) bool { return c.Owed() && state(c) == StateProcessing },
		func(c billing.Charge) bool { return c.ID == link.ChargeID },
		billing.Charge.Owed,
		func(c billing.Charge) bool { return !c.Status.Ended() },
	} {
		if i := slices.IndexFunc(charges, is); i >= 0 {
			return charges[i]
		}
	}
	return charges[len(charges)-1]
}

// stateOf returns the state of the page. Several owed charges ask for a payment, for whichever
// reasons they failed.
func (v Page) stateOf(state func(billing.Charge) State) State {
	if len(v.Due) > 1 {
		return StatePay
	}
	return state(v.Charge)
}

// stateOf returns the state of a charge. card is the plan's card; nil if it can't be charged.
func (d *Service) stateOf(plan billing.Plan, c billing.Charge, card *billing.Card, attempts []billing.Attempt) State {
	switch {
	case c.Status == billing.ChargeSucceeded:
		return StatePaid
	case c.Status.Ended(), plan.Status == billing.PlanCanceled, plan.Status == billing.PlanPaused:
		return StateClosed
	case c.Status == billing.ChargeCollecting, inFlight(attempts):
		return StateProcessing
	case c.Status == billing.ChargeScheduled:
		return scheduledState(plan, c)
	case d.chargesNewCard(plan, c, card, attempts):
		return StateCharging
	case c.Status == billing.ChargeRequiresAction && card != nil && c.PaymentIntent != "":
		return StateAuthenticate
	}
	return StatePay
}

// scheduledState returns the state of a charge that is not due yet.
func scheduledState(plan billing.Plan, c billing.Charge) State {
	switch {
	case plan.Status == billing.PlanAwaitingFirstPayment && plan.AwaitedCard(c):
		return StateSetup
	case plan.Status == billing.PlanAwaitingFirstPayment:
		return StateClosed // the first charge comes first
	case c.DueAt.IsZero():
		return StateWaits
	}
	return StatePayEarly
}

// chargesNewCard reports whether the worker is about to try the charge on a card that was not tried
// for it yet. It returns false once the attempt is late by a lease, because the cause may last.
func (d *Service) chargesNewCard(plan billing.Plan, c billing.Charge, card *billing.Card, attempts []billing.Attempt) bool {
	if c.Status != billing.ChargeRetrying || c.NextAttemptAt.IsZero() || card == nil || !plan.Status.Collects() {
		return false
	}
	for _, a := range attempts {
		if a.Params.PaymentMethod == card.PaymentMethod {
			return false
		}
	}
	late := d.Now().Sub(c.NextAttemptAt)
	return late >= 0 && late < d.Lease
}

// inFlight reports whether the outcome of a worker's attempt is unknown: it may have taken the
// money.
func inFlight(attempts []billing.Attempt) bool {
	n := len(attempts)
	return n > 0 && attempts[n-1].Outcome.Open() && attempts[n-1].Initiator == billing.InitiatorMerchant
}

// nextCharge returns the next charge that is not due yet if the page's own charge is paid and none
// is owed.
func nextCharge(v Page) *billing.Charge {
	if v.State != StatePaid || !v.Plan.Status.Collects() {
		return nil
	}
	i := slices.IndexFunc(v.Charges, func(c billing.Charge) bool { return c.Status == billing.ChargeScheduled && !c.DueAt.IsZero() })
	if i < 0 || slices.ContainsFunc(v.Charges, billing.Charge.Owed) {
		return nil
	}
	return &v.Charges[i]
}

// reason returns why the charge was not paid, as the customer may be shown it.
func (d *Service) reason(v Page, attempts []billing.Attempt) billing.Reason {
	switch {
	case v.State == StateAuthenticate:
		return billing.ReasonAuthenticate
	case v.State != StatePay, v.Plan.Status == billing.PlanAwaitingFirstPayment && len(attempts) < 2:
		return ""
	case cardIsGone(v):
		return billing.ReasonNoCard.For(v.Plan)
	}
	return d.lastFailure(v.Card, attempts)
}

// cardIsGone reports whether the charge waits because there is no card to charge: an earlier
// decline is then not the reason.
func cardIsGone(v Page) bool {
	return v.Card == nil && !v.Charge.Checkout && (v.Charge.DeclineCode == "" || v.Charge.Status == billing.ChargeRequiresAction)
}

// lastFailure returns why the last failed attempt failed. Attempts with a card that was replaced
// since are ignored.
func (d *Service) lastFailure(card *billing.Card, attempts []billing.Attempt) billing.Reason {
	for _, a := range slices.Backward(attempts) {
		if card != nil && a.Params.PaymentMethod != "" && a.Params.PaymentMethod != card.PaymentMethod {
			continue
		}
		switch a.Outcome {
		case billing.OutcomeDeclined:
			return d.Reason(a.Failure)
		case billing.OutcomeRequiresAction:
			return billing.ReasonAuthenticate
		case billing.OutcomeError:
			return billing.ReasonOurs
		}
	}
	return ""
}
