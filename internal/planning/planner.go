// Package planning makes plans: from a request of the merchant's (API or command line), or from metadata on a
// PaymentIntent that the merchant's own server made.
package planning

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Planner makes plans. It is safe for concurrent use.
type Planner struct {
	store    billing.Store
	gateway  billing.Gateway
	now      func() time.Time
	rules    billing.Rules
	policies []string
}

// New makes a planner.
func New(store billing.Store, gateway billing.Gateway, now func() time.Time, rules billing.Rules) *Planner {
	return &Planner{store: store, gateway: gateway, now: now, rules: rules}
}

// WithPolicies says which dunning policies plans may name; without it, the default one alone.
func (p *Planner) WithPolicies(names []string) *Planner {
	p.policies = names
	return p
}

// ErrKeyReused: the Idempotency-Key was used before with another request.
var ErrKeyReused = errors.New("this Idempotency-Key was used with another request")

// ReferenceTakenError: there is a plan of this reference with other terms.
type ReferenceTakenError struct {
	Reference string
	PlanID    billing.PlanID
}

// Error names the reference and the plan that has it.
func (e *ReferenceTakenError) Error() string {
	return fmt.Sprintf("reference %q belongs to plan %s, which has other terms", e.Reference, e.PlanID)
}

// Unwrap makes errors.Is(err, billing.ErrExists) hold.
func (e *ReferenceTakenError) Unwrap() error { return billing.ErrExists }

// Created is a plan and what the merchant's checkout needs for its first payment.
type Created struct {
	billing.Details
	// FirstPayment is the PaymentIntent the customer confirms, with its client secret; zero where nothing is paid in the checkout.
	FirstPayment billing.PaymentIntent
	// Setup is the SetupIntent the customer confirms, with its client secret; zero where there is a first payment, or a saved card
	// was named.
	Setup billing.SetupIntent
	// Replayed says that the plan was there already, made by the same request before.
	Replayed bool
}

// Preview works out the charges of terms without storing or sending anything. Errors: *billing.InvalidError.
func (p *Planner) Preview(ctx context.Context, t billing.Terms) (billing.Draft, error) {
	proposed, err := p.draft(ctx, t, p.now())
	return proposed.Draft, err
}

// Create makes a plan, its charges and what the customer confirms at Stripe: the PaymentIntent of the first payment, or a
// SetupIntent. A plan on a saved card is active at once. The same request again returns the
// same plan: by its reference, and by key where one is given (the merchant's Idempotency-Key; may be empty). When the
// outcome at Stripe is unknown the plan stays and the same request completes it; when Stripe refuses, nothing stays.
//
// Errors: *billing.InvalidError, *ReferenceTakenError, ErrKeyReused, *billing.GatewayError, billing.ErrUnavailable.
func (p *Planner) Create(ctx context.Context, t billing.Terms, key string) (Created, error) {
	canonical, err := t.JSON()
	if err != nil {
		return Created{}, fmt.Errorf("encode terms: %w", err)
	}
	plan, found, err := p.findOrInsert(ctx, t, canonical, key)
	if err != nil {
		return Created{}, err
	}
	created := Created{Replayed: found}
	err = p.open(ctx, plan, &created)
	if errors.Is(err, errCustomerGone) {
		return p.Create(ctx, t, key) // nothing was left behind, and no customer is sent this time
	}
	if err != nil {
		return Created{}, err
	}
	created.Details, err = billing.LoadDetails(ctx, p.store, plan.ID)
	return created, err
}

// open makes what the customer confirms at Stripe, where there is something.
func (p *Planner) open(ctx context.Context, plan billing.Plan, created *Created) error {
	ctx = billing.OnAccount(ctx, plan.Account)
	charges, err := p.store.PlanCharges(ctx, plan.ID)
	switch {
	case err != nil:
		return err
	case charges[0].Checkout:
		created.FirstPayment, err = p.openFirstPayment(ctx, plan)
	case plan.SetupIntent != "" || plan.Status == billing.PlanAwaitingFirstPayment:
		created.Setup, err = p.openSetup(ctx, plan)
	}
	return err
}

// findOrInsert returns the plan that this request made before, or makes it. When somebody else makes the same plan or
// customer at the same moment it looks again.
func (p *Planner) findOrInsert(ctx context.Context, t billing.Terms, canonical []byte, key string) (billing.Plan, bool, error) {
	for range maxTries - 1 {
		plan, found, err := p.findOrInsertOnce(ctx, t, canonical, key)
		if !errors.Is(err, billing.ErrConflict) && (!errors.Is(err, billing.ErrExists) || isTaken(err)) {
			return plan, found, err
		}
	}
	return p.findOrInsertOnce(ctx, t, canonical, key)
}

// maxTries bounds how often a plan is tried when others work on the same rows.
const maxTries = 5

func isTaken(err error) bool {
	var taken *ReferenceTakenError
	return errors.As(err, &taken)
}

func (p *Planner) findOrInsertOnce(ctx context.Context, t billing.Terms, canonical []byte, key string) (billing.Plan, bool, error) {
	plan, found, err := p.existing(ctx, t.Reference, canonical, key)
	if err != nil || found {
		return plan, found, err
	}
	plan, err = p.insert(ctx, t, canonical, key)
	return plan, false, err
}

// existing finds the plan that an earlier copy of this request made.
func (p *Planner) existing(ctx context.Context, reference string, canonical []byte, key string) (billing.Plan, bool, error) {
	if key != "" {
		r, err := p.store.Request(ctx, key)
		switch {
		case err == nil && r.Fingerprint != fingerprint(canonical):
			return billing.Plan{}, false, ErrKeyReused
		case err == nil:
			plan, err := p.store.Plan(ctx, r.PlanID)
			return plan, true, err
		case !errors.Is(err, billing.ErrNotFound):
			return billing.Plan{}, false, err
		}
	}
	plan, err := p.store.PlanByReference(ctx, reference)
	if errors.Is(err, billing.ErrNotFound) {
		return billing.Plan{}, false, nil
	}
	if err == nil && !bytes.Equal(plan.Terms, canonical) {
		return billing.Plan{}, false, &ReferenceTakenError{Reference: reference, PlanID: plan.ID}
	}
	return plan, err == nil, err
}

func fingerprint(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

// proposal is a plan that may be made: nothing is stored yet.
type proposal struct {
	billing.Draft
	customer billing.Customer // as the terms complete it; without an id when it is new
	stripe   string           // who the customer is in the plan's account (cus_…); empty when that is not known yet
	card     billing.Card     // that the terms name; zero when they name none
	newCard  bool             // it is not in the database yet
}

// draft completes the terms with what is known of the customer, works out the charges and finds the card that is named.
func (p *Planner) draft(ctx context.Context, t billing.Terms, at time.Time) (proposal, error) {
	var out proposal
	ctx = billing.OnAccount(ctx, t.Account)
	c, err := p.store.CustomerByReference(ctx, t.Customer.Reference)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return out, err
	}
	c.Reference = t.Customer.Reference
	for _, f := range []struct {
		field *string
		given string
	}{{&c.Email, t.Customer.Email}, {&c.Name, t.Customer.Name}, {&c.Locale, t.Customer.Locale}, {&c.TimeZone, t.Customer.TimeZone}} {
		if f.given != "" {
			*f.field = f.given
		}
	}
	t.Customer.TimeZone = c.TimeZone
	draft, err := t.Draft(at, p.rules)
	if err := p.checkPolicy(t, err); err != nil {
		return out, err
	}
	out.Draft = draft
	if out.stripe, err = p.stripeCustomer(ctx, t, c); err != nil {
		return out, err
	}
	if t.Card != "" {
		if out.card, out.newCard, err = p.namedCard(ctx, t, c, out.stripe, at); err != nil {
			return out, err
		}
		if out.stripe == "" {
			out.stripe = out.card.StripeCustomer
		}
	}
	if t.Account == "" {
		c.StripeCustomer = out.stripe
	}
	out.customer = c
	return out, nil
}

// insert stores the plan and, where there is one, the first payment's attempt in one transaction, before Stripe hears of it.
func (p *Planner) insert(ctx context.Context, t billing.Terms, canonical []byte, key string) (billing.Plan, error) {
	now := p.now()
	proposed, err := p.draft(ctx, t, now)
	if err != nil {
		return billing.Plan{}, err
	}
	save := saveCustomer(proposed.customer)
	plan, charges := build(t, canonical, &proposed, now)
	attempt := firstAttempt(t, proposed.stripe, &charges[0], now)
	err = p.store.Update(ctx, func(tx billing.Tx) error {
		if err := save(ctx, tx, proposed.customer); err != nil {
			return err
		}
		if proposed.newCard {
			if err := tx.InsertCard(ctx, proposed.card); err != nil {
				return err
			}
		}
		if err := tx.InsertPlan(ctx, plan, charges); err != nil {
			return err
		}
		if charges[0].Checkout {
			if err := tx.InsertAttempt(ctx, attempt); err != nil {
				return err
			}
		}
		if err := insertConsent(ctx, tx, t, plan, charges[0], now); err != nil {
			return err
		}
		if key != "" {
			r := billing.Request{Key: key, Fingerprint: fingerprint(canonical), PlanID: plan.ID, CreatedAt: now}
			if err := tx.InsertRequest(ctx, r); err != nil {
				return err
			}
		}
		return tx.InsertAudit(ctx, createdEntry(plan, charges, billing.ActorMerchant, now))
	})
	return plan, err
}

// insertConsent keeps what the customer agreed to in the merchant's checkout; with a card that is named it is bound at once.
func insertConsent(ctx context.Context, tx billing.Tx, t billing.Terms, plan billing.Plan, first billing.Charge, now time.Time) error {
	if t.Consent == nil {
		return nil
	}
	if err := tx.InsertConsent(ctx, t.Consent.Row(plan, first.ID, now)); err != nil || plan.CardID == "" {
		return err
	}
	return tx.BindConsent(ctx, "", first.ID, plan.CardID)
}

// firstAttempt is the payment in the checkout, as it will be made at Stripe. A first charge that is made off-session has none.
func firstAttempt(t billing.Terms, stripeCustomer string, first *billing.Charge, now time.Time) billing.Attempt {
	if !first.Checkout {
		return billing.Attempt{}
	}
	a := billing.Attempt{
		ID: billing.NewAttemptID(now), ChargeID: first.ID, Number: 1, Initiator: billing.InitiatorCustomer,
		Outcome: billing.OutcomeUnknown, CreatedAt: now,
	}
	a.IdempotencyKey = string(a.ID)
	a.Params = billing.PaymentParams{
		Amount: first.Amount, Currency: first.Currency, Customer: stripeCustomer, SaveCard: true,
		Description: t.Description, Metadata: first.Metadata(t.Reference, a.ID),
	}.Connected(connectOf(t))
	first.AttemptCount = 1
	return a
}

// connectOf is what the terms say of Stripe Connect.
func connectOf(t billing.Terms) billing.Connect {
	if t.Connect == nil {
		return billing.Connect{}
	}
	return *t.Connect
}

// build makes the rows of a plan. Charges have no time in the scheduler's calendar until the first payment, or the card,
// activates the plan; one on a card that was named is active at once.
func build(t billing.Terms, canonical []byte, proposed *proposal, now time.Time) (billing.Plan, []billing.Charge) {
	c := &proposed.customer
	if c.ID == "" {
		c.ID, c.CreatedAt = billing.NewCustomerID(now), now
	}
	c.UpdatedAt = now
	proposed.card.CustomerID = c.ID
	plan := billing.Plan{
		ID: billing.NewPlanID(now), Reference: t.Reference, CustomerID: c.ID, CardID: proposed.card.ID, Kind: t.Kind, Currency: t.Currency,
		Status: billing.PlanAwaitingFirstPayment, Terms: canonical, CreatedAt: now, UpdatedAt: now,
		Policy: t.Policy, BackupCards: t.BackupCardsAllowed, Recurrence: proposed.Recurrence, Account: t.Account, Connect: connectOf(t),
	}
	if plan.CardID != "" {
		plan.Status, plan.ActivatedAt = billing.PlanActive, now
	}
	charges := make([]billing.Charge, len(proposed.Charges))
	for i, d := range proposed.Charges {
		charges[i] = billing.Charge{
			ID: billing.NewChargeID(now), PlanID: plan.ID, CustomerID: c.ID, Sequence: i + 1, Amount: d.Amount,
			Currency: t.Currency, DueAt: d.DueAt, Checkout: d.Checkout, Status: billing.ChargeScheduled, CreatedAt: now, UpdatedAt: now,
		}
		if plan.Status == billing.PlanActive {
			charges[i].NextAttemptAt, charges[i].WakeAt = d.DueAt, d.DueAt
		}
		plan.Total += d.Amount
	}
	switch first := &charges[0]; {
	case first.Checkout:
		first.Status, first.Reason = billing.ChargeRequiresPaymentMethod, "waits for the customer to pay in the checkout"
	case plan.Status == billing.PlanAwaitingFirstPayment:
		first.Reason = "waits for the customer to give a card"
	}
	return plan, charges
}

// saveCustomer returns how the customer's row is written: a new one has no id yet.
func saveCustomer(c billing.Customer) func(context.Context, billing.Tx, billing.Customer) error {
	if c.ID == "" {
		return func(ctx context.Context, tx billing.Tx, c billing.Customer) error { return tx.InsertCustomer(ctx, c) }
	}
	return func(ctx context.Context, tx billing.Tx, c billing.Customer) error { return tx.UpdateCustomer(ctx, c) }
}

func createdEntry(plan billing.Plan, charges []billing.Charge, actor billing.Actor, now time.Time) billing.AuditEntry {
	first := billing.FormatAmount(charges[0].Amount, plan.Currency)
	e := billing.AuditEntry{
		At: now, Actor: actor, Action: "plan.created", PlanID: plan.ID, CustomerID: plan.CustomerID,
		Message: fmt.Sprintf("plan %s: %s of %s in %d charges", plan.Reference, plan.Kind, billing.FormatAmount(plan.Total, plan.Currency), len(charges)),
		Next:    fmt.Sprintf("the customer pays the first %s in the checkout", first),
	}
	if r := plan.Recurrence; !r.IsZero() {
		e.Message = fmt.Sprintf("plan %s: %s of %s, then %s every %s", plan.Reference, plan.Kind, first, billing.FormatAmount(r.Amount, plan.Currency), r.Every)
	}
	switch {
	case charges[0].Checkout:
	case plan.CardID == "":
		e.Next = "the customer gives a card in the checkout"
	case charges[0].DueAt.IsZero():
		e.Next = fmt.Sprintf("%s is charged on the saved card when it is asked for", first)
	default:
		e.Next = fmt.Sprintf("%s falls due %s, on the saved card", first, charges[0].DueAt.Format(time.RFC3339))
	}
	return e
}
