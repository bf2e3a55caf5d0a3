// Package planning creates plans: from a merchant's request (API or command line), or from the
// metadata of a PaymentIntent that the merchant's own server created.
//
// Create and Adopt are the entry points. Below them, proposal.go drafts the plan, insert.go stores
// it, and firstpayment.go or setup.go creates the object that the customer confirms at Stripe.
package planning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// Config holds the dependencies and settings of a Planner.
type Config struct {
	Store   billing.Store
	Gateway billing.Gateway
	Now     func() time.Time
	// Rules are the settings that apply to all plans.
	Rules billing.Rules
	// Policies are the names of the dunning policies that plans may name. If it is empty, plans may
	// name only the default policy.
	Policies []string
	// OwnAccount asks Stripe whether the key belongs to the database's account. nil means that this
	// is not known. See stripecustomer.Unknown.
	OwnAccount func(ctx context.Context) bool
}

// Planner creates plans. It is safe for concurrent use.
type Planner struct {
	Config
}

// New returns a planner.
func New(c Config) *Planner { return &Planner{c} }

// Request is a merchant's request for a plan.
type Request struct {
	Terms terms.Terms
	// Key is the merchant's Idempotency-Key; may be empty.
	Key string
	// UpdateCustomer updates a known customer from the terms. Without it, terms that differ from the
	// stored data are refused.
	UpdateCustomer bool
}

// differences returns what is done about terms that differ from a known customer's stored data.
func (r Request) differences() differences {
	if r.UpdateCustomer {
		return updateStored
	}
	return refuseDifferences
}

// ErrKeyReused: the Idempotency-Key was used before with another request.
var ErrKeyReused = errors.New("this Idempotency-Key was used with another request")

// ReferenceTakenError: a plan with this reference exists and has other terms.
type ReferenceTakenError struct {
	Reference string
	PlanID    billing.PlanID
}

// Error names the reference and the plan that has it.
func (e *ReferenceTakenError) Error() string {
	return fmt.Sprintf("reference %q belongs to plan %s, which has other terms", e.Reference, e.PlanID)
}

// Unwrap makes errors.Is(err, billing.ErrExists) true.
func (e *ReferenceTakenError) Unwrap() error { return billing.ErrExists }

// Created is a plan with the objects that the merchant's checkout needs.
type Created struct {
	billing.Details
	// FirstPayment is the PaymentIntent that the customer confirms, with its client secret; zero if
	// nothing is paid in the checkout.
	FirstPayment billing.PaymentIntent
	// Setup is the SetupIntent that the customer confirms, with its client secret; zero if there is
	// a first payment, or if a saved card was named.
	Setup billing.SetupIntent
	// Replayed reports whether the plan existed already, created by the same request before.
	Replayed bool
}

// Preview calculates the charges of terms without storing or sending anything. Errors:
// *billing.InvalidError.
func (p *Planner) Preview(ctx context.Context, t terms.Terms) (terms.Draft, error) {
	proposed, err := p.propose(billing.OnAccount(ctx, t.Account), t, refuseDifferences, p.Now())
	return proposed.Draft, err
}

// Create creates a plan, its charges and the object that the customer confirms at Stripe: the
// PaymentIntent of the first payment, or a SetupIntent. A plan on a saved card is active at once. A
// repeated request returns the same plan, which is found by its reference, and by its key if there
// is one. When the outcome at Stripe is unknown, the plan is kept and the same request completes
// it; when Stripe refuses, nothing is kept. A stored Stripe customer that does not exist at Stripe
// is removed, and the customer's next card creates a new one.
//
// Errors: *billing.InvalidError, *ReferenceTakenError, ErrKeyReused, *billing.GatewayError,
// stripecustomer.ErrElsewhere, billing.ErrUnavailable.
func (p *Planner) Create(ctx context.Context, r Request) (Created, error) {
	ctx = billing.OnAccount(ctx, r.Terms.Account)
	canonical, err := r.Terms.JSON()
	if err != nil {
		return Created{}, fmt.Errorf("encode terms: %w", err)
	}
	plan, found, err := p.findOrInsert(ctx, r, canonical)
	if err != nil {
		return Created{}, err
	}
	created := Created{Replayed: found}
	if err := p.open(ctx, plan, &created); err != nil {
		return Created{}, err
	}
	created.Details, err = billing.LoadDetails(ctx, p.Store, plan.ID)
	if err != nil {
		return Created{}, err
	}
	created.withhold()
	return created, nil
}

// findOrInsert returns the plan that this request created before, or creates it. It tries again
// when another process creates the same plan or customer at the same time.
func (p *Planner) findOrInsert(ctx context.Context, r Request, canonical []byte) (billing.Plan, bool, error) {
	for try := 1; ; try++ {
		plan, found, err := p.findOrInsertOnce(ctx, r, canonical)
		if try == maxTries || !isRace(err) {
			return plan, found, err
		}
	}
}

// maxTries bounds how often a plan is tried when other processes change the same rows.
const maxTries = 5

// isRace reports whether another process created or changed the same rows.
func isRace(err error) bool {
	var taken *ReferenceTakenError
	return errors.Is(err, billing.ErrConflict) || errors.Is(err, billing.ErrExists) && !errors.As(err, &taken)
}

func (p *Planner) findOrInsertOnce(ctx context.Context, r Request, canonical []byte) (billing.Plan, bool, error) {
	plan, found, err := p.existing(ctx, r, canonical)
	if err != nil || found {
		return plan, found, err
	}
	now := p.Now()
	proposed, err := p.proposeToStore(ctx, r.Terms, r.differences(), now)
	if err != nil {
		return billing.Plan{}, false, err
	}
	plan, err = p.insert(ctx, r, canonical, proposed, now)
	return plan, false, err
}

// open creates the object that the customer confirms at Stripe, if the plan needs one.
func (p *Planner) open(ctx context.Context, plan billing.Plan, created *Created) error {
	charges, err := p.Store.PlanCharges(ctx, plan.ID)
	if err != nil {
		return err
	}
	var terms terms.Terms
	if err := json.Unmarshal(plan.Terms, &terms); err != nil {
		return fmt.Errorf("read the terms of plan %s: %w", plan.ID, err)
	}
	switch {
	case charges[0].Checkout:
		created.FirstPayment, err = p.openFirstPayment(ctx, plan, terms)
	case plan.SetupIntent != "" || plan.Status == billing.PlanAwaitingFirstPayment:
		created.Setup, err = p.openSetup(ctx, plan, terms)
	}
	return err
}

// withhold clears the client secrets if nothing must be paid or saved any more: the plan was
// canceled, or the object at Stripe is not the plan's. It is called with the plan in its state
// after the object was recorded. If the plan is canceled later, a worker cancels the object.
func (c *Created) withhold() {
	first := c.Charges[0]
	over := c.Plan.Status == billing.PlanCanceled || first.Void()
	if over || c.FirstPayment.ID != first.PaymentIntent {
		c.FirstPayment.ClientSecret = ""
	}
	if over || c.Setup.ID != c.Plan.SetupIntent {
		c.Setup.ClientSecret = ""
	}
}
