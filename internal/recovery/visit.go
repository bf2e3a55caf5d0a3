package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tranche/internal/billing"
)

// Branch is what the page is about, as the charge stands.
type Branch string

const (
	// BranchPay wants a card: the charge is due, and the one on file was declined or is gone.
	BranchPay Branch = "pay"
	// BranchAuthenticate wants the customer to confirm the payment with the bank, with the same card.
	BranchAuthenticate Branch = "authenticate"
	// BranchAhead is not due yet: it may be paid now.
	BranchAhead Branch = "ahead"
	// BranchProcessing waits for Stripe; nothing can be done meanwhile.
	BranchProcessing Branch = "processing"
	// BranchPaid is done.
	BranchPaid Branch = "paid"
	// BranchClosed is not collected: canceled, paused, refunded or disputed.
	BranchClosed Branch = "closed"
)

// Payable says whether the customer can pay in this branch.
func (b Branch) Payable() bool {
	return b == BranchPay || b == BranchAuthenticate || b == BranchAhead
}

// Visit is what a customer with a link may see.
type Visit struct {
	Link     billing.PayLink
	Plan     billing.Plan
	Customer billing.Customer
	Charges  []billing.Charge // by sequence
	Charge   billing.Charge   // the one the page is about
	Branch   Branch
	// Ahead is a later charge that may be paid now, when nothing is wanted for Charge itself; nil when there is none.
	Ahead *billing.Charge
	// StripeCustomer is who the customer is in the plan's account (cus_…); empty when that is not known yet.
	StripeCustomer string
	// Card is the saved card that is charged; nil when there is none, or it must not be charged.
	Card *billing.Card
	// Reason is why the last attempt failed, as it may be told; empty when there is nothing to tell.
	Reason billing.Reason
	// ChangeCard says whether another card may be given without paying.
	ChangeCard bool
}

// ErrGone: the link is unknown, has expired or was revoked. Which of them is not told.
var ErrGone = fmt.Errorf("the link opens nothing: %w", billing.ErrNotFound)

// Visit finds what a token opens. Errors: ErrGone, billing.ErrUnavailable.
func (d *Desk) Visit(ctx context.Context, token string) (Visit, error) {
	link, err := d.Store.PayLink(ctx, hashOf(token))
	if errors.Is(err, billing.ErrNotFound) || err == nil && !link.Open(d.Now()) {
		return Visit{}, ErrGone
	}
	if err != nil {
		return Visit{}, err
	}
	return d.load(ctx, d.Store, link)
}

// load reads what a link is about.
func (d *Desk) load(ctx context.Context, r billing.Reader, link billing.PayLink) (Visit, error) {
	details, err := billing.LoadDetails(ctx, r, link.PlanID)
	if err != nil {
		return Visit{}, err
	}
	v := Visit{Link: link, Plan: details.Plan, Customer: details.Customer, Charges: details.Charges}
	if len(v.Charges) == 0 {
		return Visit{}, ErrGone
	}
	if v.Card, err = activeCard(ctx, r, v.Plan); err != nil {
		return Visit{}, err
	}
	if v.StripeCustomer, err = billing.StripeCustomerIn(ctx, r, v.Customer, v.Plan.Account); err != nil {
		return Visit{}, err
	}
	v.Charge = focus(link, v.Charges)
	attempts := details.Attempts[v.Charge.ID]
	v.Branch = branchOf(v.Plan, v.Charge, v.Card, attempts)
	v.Ahead = ahead(v)
	v.Reason = d.reason(v, attempts)
	v.ChangeCard = v.Plan.Status != billing.PlanAwaitingFirstPayment && slices.ContainsFunc(v.Charges, func(c billing.Charge) bool {
		return !c.Status.Ended() && v.Plan.Status != billing.PlanCanceled
	})
	return v, nil
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

// focus is the charge that a link is about: its own, or else what is owed, or else what comes next.
func focus(link billing.PayLink, charges []billing.Charge) billing.Charge {
	for _, is := range []func(billing.Charge) bool{
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

// branchOf sorts a charge. card is the plan's, where it may be charged.
func branchOf(plan billing.Plan, c billing.Charge, card *billing.Card, attempts []billing.Attempt) Branch {
	switch {
	case c.Status == billing.ChargeSucceeded:
		return BranchPaid
	case c.Status.Ended(), plan.Status == billing.PlanCanceled, plan.Status == billing.PlanPaused:
		return BranchClosed
	case c.Status == billing.ChargeCollecting, underWay(attempts):
		return BranchProcessing
	case c.Status == billing.ChargeScheduled && plan.Status == billing.PlanAwaitingFirstPayment:
		return BranchClosed // the first comes first
	case c.Status == billing.ChargeScheduled:
		return BranchAhead
	case c.Status == billing.ChargeRequiresAction && card != nil && c.PaymentIntent != "":
		return BranchAuthenticate
	}
	return BranchPay
}

// underWay says whether an attempt of the merchant's may still turn out to have taken the money.
func underWay(attempts []billing.Attempt) bool {
	n := len(attempts)
	return n > 0 && attempts[n-1].Outcome.Open() && attempts[n-1].Initiator == billing.InitiatorMerchant
}

// ahead is the next charge that is not due yet, when the page's own is settled.
func ahead(v Visit) *billing.Charge {
	if v.Branch != BranchPaid || !v.Plan.Status.Collects() {
		return nil
	}
	i := slices.IndexFunc(v.Charges, func(c billing.Charge) bool { return c.Status == billing.ChargeScheduled })
	if i < 0 || slices.ContainsFunc(v.Charges, billing.Charge.Owed) {
		return nil
	}
	return &v.Charges[i]
}

// reason is why the charge was not paid, as it may be told.
func (d *Desk) reason(v Visit, attempts []billing.Attempt) billing.Reason {
	switch {
	case v.Branch == BranchAuthenticate:
		return billing.ReasonAuthenticate
	case v.Branch != BranchPay, v.Plan.Status == billing.PlanAwaitingFirstPayment && len(attempts) < 2:
		return ""
	case cardIsGone(v):
		return billing.ReasonNoCard
	}
	return d.lastFailure(attempts)
}

// cardIsGone says whether the charge waits because there is no card to charge: a decline before it explains nothing.
func cardIsGone(v Visit) bool {
	return v.Card == nil && !v.Charge.Checkout && (v.Charge.DeclineCode == "" || v.Charge.Status == billing.ChargeRequiresAction)
}

// lastFailure is why the last attempt that failed did.
func (d *Desk) lastFailure(attempts []billing.Attempt) billing.Reason {
	for _, a := range slices.Backward(attempts) {
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
