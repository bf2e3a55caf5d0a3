// Package planning creates plans: from a merchant's request (API or command line), or from the
// metadata of a PaymentIntent that the merchant's own server created.
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
	"tranche/internal/money"
)

// Planner creates plans. It is safe for concurrent use.
type Planner struct {
	store    billing.Store
	gateway  billing.Gateway
	now      func() time.Time
	rules    billing.Rules
	policies []string
	update   CustomerUpdate
	unknown  billing.UnknownCustomer
}

// CustomerUpdate updates a known customer from terms, in the transaction that stores the customer's
// plan.
type CustomerUpdate func(ctx context.Context, tx billing.Tx, id billing.CustomerID, t billing.CustomerTerms, now time.Time) error

// New returns a planner.
func New(store billing.Store, gateway billing.Gateway, now func() time.Time, rules billing.Rules) *Planner {
	return &Planner{
		store: store, gateway: gateway, now: now, rules: rules,
		unknown: billing.UnknownCustomer{Store: store, Gateway: gateway, Now: now},
	}
}

// WithOwnAccount sets the function that asks Stripe whether the key belongs to the database's
// account; without it, that is not known. See billing.UnknownCustomer.
func (p *Planner) WithOwnAccount(own func(ctx context.Context) bool) *Planner {
	p.unknown.OwnAccount = own
	return p
}

// WithPolicies sets the dunning policies that plans may name; without it, only the default policy.
func (p *Planner) WithPolicies(names []string) *Planner {
	p.policies = names
	return p
}

// Updating returns a planner that updates a known customer from the terms of a new plan. Without
// it, terms that differ from the stored data are refused.
func (p *Planner) Updating(update CustomerUpdate) *Planner {
	with := *p
	with.update = update
	return &with
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
func (p *Planner) Preview(ctx context.Context, t billing.Terms) (billing.Draft, error) {
	proposed, err := p.propose(ctx, t, p.now())
	return proposed.Draft, err
}

// Create creates a plan, its charges and the object that the customer confirms at Stripe: the
// PaymentIntent of the first payment, or a SetupIntent. A plan on a saved card is active at once. A
// repeated request returns the same plan, which is found by its reference, and by key if there is
// one (the merchant's Idempotency-Key; may be empty). When the outcome at Stripe is unknown, the
// plan is kept and the same request completes it; when Stripe refuses, nothing is kept. A stored
// Stripe customer that does not exist at Stripe is removed, and the customer's next card creates a
// new one.
//
// Errors: *billing.InvalidError, *ReferenceTakenError, ErrKeyReused, *billing.GatewayError,
// billing.ErrElsewhere, billing.ErrUnavailable.
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
	if err := p.open(ctx, plan, &created); err != nil {
		return Created{}, err
	}
	created.Details, err = billing.LoadDetails(ctx, p.store, plan.ID)
	if err != nil {
		return Created{}, err
	}
	created.withhold()
	return created, nil
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

// open creates the object that the customer confirms at Stripe, if the plan needs one.
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

// findOrInsert returns the plan that this request created before, or creates it. It tries again
// when another process creates the same plan or customer at the same time.
func (p *Planner) findOrInsert(ctx context.Context, t billing.Terms, canonical []byte, key string) (billing.Plan, bool, error) {
	for range maxTries - 1 {
		plan, found, err := p.findOrInsertOnce(ctx, t, canonical, key)
		if !errors.Is(err, billing.ErrConflict) && (!errors.Is(err, billing.ErrExists) || isTaken(err)) {
			return plan, found, err
		}
	}
	return p.findOrInsertOnce(ctx, t, canonical, key)
}

// maxTries bounds how often a plan is tried when other processes change the same rows.
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

// existing returns the plan that an earlier copy of this request created.
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

// proposal is a plan that is not stored yet.
type proposal struct {
	billing.Draft
	customer billing.Customer // completed from the terms; without an id when new
	stripe   string           // the Stripe customer in the plan's account (cus_…); empty when unknown
	card     billing.Card     // named by the terms; zero when they name none
	newCard  bool             // the card is not in the database yet
	gone     string           // the stored Stripe customer, if it differs and does not exist at Stripe; else empty
}

// draft completes the terms with the stored data of the customer, calculates the charges and finds
// the named card.
func (p *Planner) draft(ctx context.Context, t billing.Terms, at time.Time) (proposal, error) {
	var out proposal
	ctx = billing.OnAccount(ctx, t.Account)
	c, err := p.completeCustomer(ctx, t.Customer)
	if err != nil {
		return out, err
	}
	t.Customer.TimeZone = c.TimeZone
	draft, err := t.Draft(at, p.rules)
	if err := p.checkPolicy(t, err); err != nil {
		return out, err
	}
	out.Draft = draft
	if out.stripe, out.gone, err = p.stripeCustomer(ctx, t, c); err != nil {
		return out, err
	}
	if err := p.addCard(ctx, t, c, at, &out); err != nil {
		return out, err
	}
	if t.Account == "" {
		c.StripeCustomer = out.stripe
	}
	out.customer = c
	return out, nil
}

// completeCustomer returns the customer of the terms, completed with the stored data. It has no id
// if the customer is new.
func (p *Planner) completeCustomer(ctx context.Context, t billing.CustomerTerms) (billing.Customer, error) {
	stored, err := p.store.CustomerByReference(ctx, t.Reference)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return billing.Customer{}, err
	}
	c := complete(stored, t, p.update != nil)
	if c.ID == "" {
		p.rules.FillIn(&c)
	} else {
		c.NoteContact(stored, p.now())
	}
	return c, nil
}

// addCard finds the card that the terms name, and takes over the card's Stripe customer if the
// customer has none or one that does not exist.
func (p *Planner) addCard(ctx context.Context, t billing.Terms, c billing.Customer, at time.Time, out *proposal) (err error) {
	if t.Card == "" {
		return nil
	}
	if out.card, out.newCard, err = p.namedCard(ctx, t, c, out.stripe, at); err != nil {
		return err
	}
	if out.newCard && out.stripe != "" && out.stripe != out.card.StripeCustomer { // see cardAtStripe
		out.gone = out.stripe
	}
	if out.stripe == "" || out.gone != "" {
		out.stripe = out.card.StripeCustomer
	}
	return nil
}

// propose drafts a plan from new terms. Faults of the terms are reported first, and only then
// customer data that differs from the stored data.
func (p *Planner) propose(ctx context.Context, t billing.Terms, at time.Time) (proposal, error) {
	proposed, err := p.draft(ctx, t, at)
	if err != nil {
		return proposed, err
	}
	if p.update != nil {
		return proposed, nil
	}
	return proposed, p.checkCustomer(ctx, t)
}

// ready drafts a plan that is about to be stored. If the draft found that the stored Stripe
// customer does not exist, ready removes it first. Errors: errors of draft and of
// billing.UnknownCustomer; billing.ErrConflict if Stripe has the customer after all.
func (p *Planner) ready(ctx context.Context, t billing.Terms, at time.Time, draft func(context.Context, billing.Terms, time.Time) (proposal, error)) (proposal, error) {
	for {
		proposed, err := draft(ctx, t, at)
		if err != nil || proposed.gone == "" {
			return proposed, err
		}
		left, err := p.unknown.Leave(ctx, billing.NamedCustomer{Customer: proposed.customer.ID, StripeCustomer: proposed.gone, Account: t.Account})
		if err == nil && !left {
			err = fmt.Errorf("Stripe customer %s: %w", proposed.gone, billing.ErrConflict)
		}
		if err != nil {
			return proposed, err
		}
	}
}

// insert stores the plan and, if there is one, the attempt at the first payment in one transaction,
// before any call to Stripe.
func (p *Planner) insert(ctx context.Context, t billing.Terms, canonical []byte, key string) (billing.Plan, error) {
	now := p.now()
	proposed, err := p.ready(ctx, t, now, p.propose)
	if err != nil {
		return billing.Plan{}, err
	}
	save, known := saveCustomer(proposed.customer), proposed.customer.ID != ""
	plan, charges := build(billing.NewPlanID(now), t, canonical, &proposed, now)
	attempt := checkoutAttempt(t, plan.PaymentDescription(charges[0], len(charges)), proposed.stripe, &charges[0], 1, now)
	err = p.store.Update(ctx, func(tx billing.Tx) error {
		customer, err := p.updated(ctx, tx, proposed.customer, t, now, known)
		if err != nil {
			return err
		}
		if err := save(ctx, tx, customer); err != nil {
			return err
		}
		if err := insertRows(ctx, tx, proposed, plan, charges, attempt); err != nil {
			return err
		}
		if err := insertConsent(ctx, tx, t, plan, charges[0], now); err != nil {
			return err
		}
		if err := p.confirm(ctx, tx, plan, proposed.customer, charges, proposed.card); err != nil {
			return err
		}
		if key != "" {
			r := billing.Request{Key: key, Fingerprint: fingerprint(canonical), PlanID: plan.ID, CreatedAt: now}
			if err := tx.InsertRequest(ctx, r); err != nil {
				return err
			}
		}
		return tx.InsertAudit(ctx, createdEntry(plan, charges, now))
	})
	return plan, err
}

// updated updates a known customer if the request asks for it, and returns the row to write.
// Errors: the errors of the update; billing.ErrConflict if the customer was changed since the plan
// was drafted.
func (p *Planner) updated(ctx context.Context, tx billing.Tx, c billing.Customer, t billing.Terms, now time.Time, known bool) (billing.Customer, error) {
	if p.update == nil || !known {
		return c, nil
	}
	stored, err := tx.Customer(ctx, c.ID)
	if err != nil {
		return c, err
	}
	if stored.Version != c.Version {
		return c, fmt.Errorf("customer %s: %w", c.ID, billing.ErrConflict)
	}
	if err := p.update(ctx, tx, c.ID, t.Customer, now); err != nil {
		return c, err
	}
	stored, err = tx.Customer(ctx, c.ID)
	c.Version = stored.Version
	return c, err
}

// insertRows stores a new card, the plan, its charges, and the attempt of a checkout.
func insertRows(ctx context.Context, tx billing.Tx, proposed proposal, plan billing.Plan, charges []billing.Charge, attempt billing.Attempt) error {
	if proposed.newCard {
		if err := tx.InsertCard(ctx, proposed.card); err != nil {
			return err
		}
	}
	if err := tx.InsertPlan(ctx, plan, charges); err != nil || !charges[0].Checkout {
		return err
	}
	return tx.InsertAttempt(ctx, attempt)
}

// insertConsent stores the consent that the customer gave in the merchant's checkout. If a card is
// named, the consent is bound to it at once.
func insertConsent(ctx context.Context, tx billing.Tx, t billing.Terms, plan billing.Plan, first billing.Charge, now time.Time) error {
	if t.Consent == nil {
		return nil
	}
	if err := tx.InsertConsent(ctx, t.Consent.Row(plan, first.ID, now)); err != nil || plan.CardID == "" {
		return err
	}
	return tx.BindConsent(ctx, "", first.ID, plan.CardID)
}

// checkoutAttempt returns the attempt at the payment in the checkout, with its parameters for
// Stripe. A first charge that is made off-session has no such attempt.
func checkoutAttempt(t billing.Terms, description, stripeCustomer string, first *billing.Charge, number int, now time.Time) billing.Attempt {
	if !first.Checkout {
		return billing.Attempt{}
	}
	a := billing.Attempt{
		ID: billing.AttemptIDFor(first.ID, number, billing.InitiatorCustomer), ChargeID: first.ID, Number: number, Initiator: billing.InitiatorCustomer,
		Outcome: billing.OutcomeUnknown, CreatedAt: now,
	}
	a.IdempotencyKey = string(a.ID)
	a.Params = billing.PaymentParams{
		Amount: first.Amount, Currency: first.Currency, Customer: stripeCustomer, SaveCard: true,
		Description: description, Metadata: first.Metadata(t.Reference, a.ID),
	}.Connected(connectOf(t))
	first.AttemptCount = number
	return a
}

// connectOf returns the parameters of Stripe Connect in the terms.
func connectOf(t billing.Terms) billing.Connect {
	if t.Connect == nil {
		return billing.Connect{}
	}
	return *t.Connect
}

// build returns the rows of a plan. The charges are not scheduled until the first payment, or the
// card, activates the plan; a plan on a named card is active at once.
func build(id billing.PlanID, t billing.Terms, canonical []byte, proposed *proposal, now time.Time) (billing.Plan, []billing.Charge) {
	c := &proposed.customer
	if c.ID == "" {
		c.ID, c.CreatedAt = billing.NewCustomerID(now), now
	}
	c.UpdatedAt = now
	proposed.card.CustomerID = c.ID
	plan := billing.Plan{
		ID: id, Reference: t.Reference, CustomerID: c.ID, CardID: proposed.card.ID, Kind: t.Kind, Currency: t.Currency,
		Status: billing.PlanAwaitingFirstPayment, Terms: canonical, CreatedAt: now, UpdatedAt: now,
		Policy: t.Policy, BackupCards: t.BackupCardsAllowed, Recurrence: proposed.Recurrence, Account: t.Account, Connect: connectOf(t),
		Schedule: proposed.Schedule, CatchUp: t.CatchUp, ExpiresAt: t.ExpiresAt(now),
	}
	if plan.CardID != "" {
		plan.Status, plan.ActivatedAt = billing.PlanActive, now
	}
	if plan.CardID == "" && !proposed.Charges[0].Checkout {
		plan.SetupRequest = billing.NewSetupRequest(plan.ID, "", proposed.stripe)
	}
	charges := make([]billing.Charge, len(proposed.Charges))
	for i, d := range proposed.Charges {
		charges[i] = billing.Charge{
			ID: billing.ChargeIDFor(plan.ID, i+1), PlanID: plan.ID, CustomerID: c.ID, Sequence: i + 1, Amount: d.Amount,
			Currency: t.Currency, DueAt: d.DueAt, Checkout: d.Checkout, Status: billing.ChargeScheduled, CreatedAt: now, UpdatedAt: now,
		}
		if plan.Status == billing.PlanActive {
			charges[i].NextAttemptAt, charges[i].ClaimAfter = d.DueAt, d.DueAt
		}
		plan.Total += d.Amount
	}
	switch first := &charges[0]; {
	case first.Checkout:
		first.Status, first.Reason = billing.ChargeRequiresPaymentMethod, "waits for the customer to pay in the checkout"
	case plan.Status == billing.PlanAwaitingFirstPayment:
		first.Reason = "waits for the customer to enter a card"
	}
	return plan, charges
}

// confirm adds the notice that confirms a plan on a saved card, which is active from the start.
// Other plans are confirmed by a worker when they become active.
func (p *Planner) confirm(ctx context.Context, tx billing.Tx, plan billing.Plan, c billing.Customer, charges []billing.Charge, card billing.Card) error {
	if !p.rules.Confirm || plan.Status != billing.PlanActive || c.Email == "" {
		return nil
	}
	n := billing.Confirmation(plan, c, charges, card)
	n.CustomerID = plan.CustomerID
	_, err := tx.InsertNotice(ctx, n)
	return err
}

// saveCustomer returns the function that writes the customer's row: a new customer has no id yet.
func saveCustomer(c billing.Customer) func(context.Context, billing.Tx, billing.Customer) error {
	if c.ID == "" {
		return func(ctx context.Context, tx billing.Tx, c billing.Customer) error { return tx.InsertCustomer(ctx, c) }
	}
	return func(ctx context.Context, tx billing.Tx, c billing.Customer) error { return tx.UpdateCustomer(ctx, c) }
}

func createdEntry(plan billing.Plan, charges []billing.Charge, now time.Time) billing.AuditEntry {
	first := money.FormatAmount(charges[0].Amount, plan.Currency)
	e := billing.AuditEntry{
		At: now, Action: "plan.created", PlanID: plan.ID, CustomerID: plan.CustomerID,
		Message: fmt.Sprintf("plan %s: %s of %s in %d charges", plan.Reference, plan.Kind, money.FormatAmount(plan.Total, plan.Currency), len(charges)),
		Next:    fmt.Sprintf("the customer pays the first %s in the checkout", first),
	}
	if r := plan.Recurrence; !r.IsZero() {
		e.Message = fmt.Sprintf("plan %s: %s of %s, then %s every %s", plan.Reference, plan.Kind, first, money.FormatAmount(r.Amount, plan.Currency), r.Every)
	}
	switch {
	case charges[0].Checkout:
	case plan.CardID == "":
		e.Next = "the customer enters a card in the checkout"
	case charges[0].DueAt.IsZero():
		e.Next = fmt.Sprintf("%s is charged on the saved card on request", first)
	default:
		e.Next = fmt.Sprintf("%s falls due %s, on the saved card", first, charges[0].DueAt.Format(time.RFC3339))
	}
	return e
}
