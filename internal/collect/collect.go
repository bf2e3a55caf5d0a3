package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/followup"
	"tranche/internal/money"
	"tranche/internal/planwork"
)

// Collect charges the saved card for one charge: it writes the attempt, calls Stripe, and
// records the outcome. An open attempt, whose outcome is unknown, is resumed before anything new is
// sent. The worker waits for its permit first, so that Stripe is called immediately after the final
// check under the plan's lock.
func (w *Collector) Collect(ctx context.Context, id string, lease int64) error {
	row, due, err := w.dueCharge(ctx, id, lease)
	if err != nil || !due { // a stale task uses no permit
		return err
	}
	admitted, release, forbidden := w.permit(ctx)
	defer release()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.NotTakingPart(ctx); err != nil { // the clock may have been set during the wait
		return err
	}
	ready, err := w.prepare(ctx, row, lease, forbidden, false)
	if err == nil && ready != nil && ready.look {
		ready, err = w.lookFirst(ctx, admitted, *ready, lease)
	}
	if err != nil || ready == nil {
		return err
	}
	return w.carryOut(ctx, billing.OnAccount(admitted, ready.account), *ready)
}

// dueCharge reads a task's charge, and reports whether the task may try the charge now.
func (w *Collector) dueCharge(ctx context.Context, id string, lease int64) (billing.Charge, bool, error) {
	row, err := w.Store.Charge(ctx, billing.ChargeID(id))
	if errors.Is(err, billing.ErrNotFound) {
		w.Log.Info().Str("charge", id).Msg("task dropped: its charge is gone")
		return row, false, nil
	}
	return row, err == nil && isDue(row, lease, w.Clock.Now()), err
}

// carryOut makes the prepared call to Stripe and records the outcome. Stripe is called with the
// context admitted.
func (w *Collector) carryOut(ctx, admitted context.Context, c call) error {
	switch {
	case c.refund.ID != "":
		return w.refundPayment(admitted, c)
	case c.setup != "":
		return w.voidSetup(admitted, c)
	case c.void != "" && c.paymentIntent == "":
		return w.findToVoid(admitted, c)
	case c.void != "":
		return w.voidPayment(admitted, c)
	case c.replace != "":
		return w.replacePayment(admitted, c)
	}
	if w.Note != nil && !c.lookUp {
		w.Note(ctx, c.attempt.ID)
	}
	result := w.followReplacement(admitted, c, w.send(admitted, c))
	// Stripe was called, so its answer is recorded even if the task is being canceled meanwhile.
	return w.record(context.WithoutCancel(ctx), c, result)
}

// isDue reports whether the worker with this lease may try the charge now.
func isDue(c billing.Charge, lease int64, now time.Time) bool {
	return c.Lease == lease && !c.NextAttemptAt.IsZero() && !c.NextAttemptAt.After(now)
}

// call is a prepared request to Stripe: usually an attempt that is sent, or looked up if it is too
// old to be sent again.
type call struct {
	planID   billing.PlanID
	account  string // the connected account that Stripe is called for; empty for the platform's own
	attempt  billing.Attempt
	customer string // the Stripe customer whose card is charged
	lookUp   bool
	// look: before anything is sent, Stripe is asked for a PaymentIntent of charge that was created
	// for one of customers since then.
	look      bool
	customers []string
	since     time.Time
	sentAt    time.Time     // when the attempt was last sent, before a look-up
	checked   clock.Instant // when the charge was checked under the plan's lock

	// void is a canceled charge whose PaymentIntent is canceled under key. There is no attempt then.
	void               billing.ChargeID
	paymentIntent, key string
	// setup is the SetupIntent that is canceled instead of a PaymentIntent. It is empty otherwise.
	setup string

	// replace is the PaymentIntent that is canceled before anything is sent for the charge. It is
	// empty otherwise.
	replace string
	charge  billing.Charge
	// refund is the refund that Stripe is asked for. There is no attempt then.
	refund billing.Refund
	// connect holds the Stripe Connect parameters of the payment that is refunded.
	connect billing.Connect
}

// prepare makes the final check of the charge, under the plan's lock, and commits the attempt. It
// returns nil when there is nothing to send: the task is stale, or the charge was paid, stopped or
// deferred meanwhile. looked: Stripe was just asked and has no PaymentIntent of the charge.
func (w *Collector) prepare(ctx context.Context, row billing.Charge, lease int64, forbidden error, looked bool) (*call, error) {
	var ready *call
	err := w.Do(ctx, row.PlanID, func(t *planwork.Tx) error {
		ready = nil
		checked := w.Clock.Instant()
		c, err := t.Charge(row.ID)
		if err != nil || !isDue(*c, lease, t.Now) {
			return err
		}
		if forbidden == nil { // the database may be on another server by now
			forbidden = ask(ctx, w.Charge)
		}
		if forbidden == nil {
			if ready, err = nextCall(ctx, t, c, looked); ready != nil {
				ready.account, ready.checked = t.Plan.Account, checked
			}
			return err
		}
		t.Defer(c, forbidden)
		return nil
	})
	return ready, err
}

// permit checks whether anything may be charged now, and waits for a permit to call Stripe. release
// is never nil.
func (w *Collector) permit(ctx context.Context) (admitted context.Context, release func(), err error) {
	if err := w.forbidden(ctx); err != nil {
		return ctx, func() {}, err
	}
	if w.Acquire == nil {
		return ctx, func() {}, nil
	}
	return w.Acquire(ctx)
}

// nextCall decides what is sent to Stripe for a due charge. looked: Stripe was just asked and has no
// PaymentIntent of the charge.
func nextCall(ctx context.Context, t *planwork.Tx, c *billing.Charge, looked bool) (*call, error) {
	if c.Status.Ended() {
		return afterEnd(ctx, t, c)
	}
	attempts, err := t.Attempts(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	if n := len(attempts); n > 0 && attempts[n-1].Outcome.Open() {
		switch {
		case attempts[n-1].Initiator == billing.InitiatorCustomer:
			return nil, leaveToCustomer(ctx, t, c, attempts[n-1])
		case inFlight(t, c, attempts[n-1]):
			return nil, nil
		}
		return resumeAttempt(ctx, t, c, attempts[n-1])
	}
	return preflight(ctx, t, c, attempts, looked)
}

// preflight checks whether a new attempt may be sent: the plan collects, the plan has a usable
// card, and the networks allow the attempt.
func preflight(ctx context.Context, t *planwork.Tx, c *billing.Charge, attempts []billing.Attempt, looked bool) (*call, error) {
	if ok, err := planAllows(ctx, t, c); err != nil || !ok {
		return nil, err
	}
	card, why, err := usableCard(ctx, t, c)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return nil, followup.Apply(ctx, t, c, followup.Failure{Kind: dunning.FailureNoCard, Detail: why, Step: "no_card"})
	}
	why, err = whyReplace(ctx, t, c, card, attempts)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return toReplace(ctx, t, c, why)
	}
	if ok, err := withinCaps(ctx, t, c, card); err != nil || !ok {
		return nil, err
	}
	if !looked && mayHaveBeenTried(t, c, attempts) {
		return lookCall(ctx, t, c, card)
	}
	return newAttempt(ctx, t, c, card, attempts)
}

// planAllows reports whether the plan lets the charge be tried now. If not, it stops or defers the
// charge.
func planAllows(ctx context.Context, t *planwork.Tx, c *billing.Charge) (bool, error) {
	if t.Plan.Status == billing.PlanCanceled {
		return false, t.CancelWithPlan(c)
	}
	if !t.Plan.Status.Collects() {
		return false, t.Move(c, c.Status, "the plan is "+planwork.Spoken(t.Plan.Status), time.Time{})
	}
	if before := earlierDue(t, c); before != nil {
		waitFor(t, c, *before)
		return false, nil
	}
	return catchUp(ctx, t, c)
}

// A charge that waits for an earlier charge of its plan is checked again after these real times:
// inTurn while the earlier charge is being tried, nextTurn until then. The earlier charge may
// itself be deferred, so without a pause this charge would be claimed endlessly.
const (
	inTurn   = 10 * time.Second
	nextTurn = 2 * time.Second
)

// earlierDue returns a charge of the plan that fell due before this one, and is in flight or was
// not tried yet. It keeps charges in order that fell due together during an outage. nil means that
// no charge comes first.
func earlierDue(t *planwork.Tx, c *billing.Charge) *billing.Charge {
	if c.Status != billing.ChargeScheduled {
		return nil
	}
	for i := range t.Charges {
		other := &t.Charges[i]
		waiting := other.Status == billing.ChargeScheduled && !other.NextAttemptAt.IsZero() && !other.NextAttemptAt.After(t.Now)
		if other.Sequence < c.Sequence && (waiting || other.Status == billing.ChargeCollecting) {
			return other
		}
	}
	return nil
}

// waitFor defers a due charge until an earlier charge was tried. No attempt is spent.
func waitFor(t *planwork.Tx, c *billing.Charge, before billing.Charge) {
	c.Reason = fmt.Sprintf("charge %d comes first", before.Sequence)
	wait := nextTurn
	if before.Status == billing.ChargeCollecting {
		wait = inTurn
	}
	c.ClaimAfter = t.Now.Add(t.Work.Clock.Simulated(planwork.WithJitter(wait)))
	t.Touch(c)
}

// usableCard returns the card to charge: the plan's, or the backup card that dunning chose for a
// declined charge. If there is none, the returned text is the reason.
func usableCard(ctx context.Context, t *planwork.Tx, c *billing.Charge) (billing.Card, string, error) {
	id, err := followup.CardToTry(ctx, t, c)
	if err != nil {
		return billing.Card{}, "", err
	}
	if id == "" {
		return billing.Card{}, "no card was saved", nil
	}
	card, err := t.Card(ctx, id)
	switch {
	case err != nil:
		return card, "", err
	case card.Status != billing.CardActive:
		return card, fmt.Sprintf("the %s is %s", card.Label(), card.Status), nil
	case card.Hold != "":
		return card, fmt.Sprintf("the %s is not charged: %s", card.Label(), card.Hold), nil
	}
	return card, "", nil
}

// newAttempt writes a new attempt that confirms the charge's PaymentIntent, or creates it.
func newAttempt(ctx context.Context, t *planwork.Tx, c *billing.Charge, card billing.Card, attempts []billing.Attempt) (*call, error) {
	number := len(attempts) + 1
	a := billing.Attempt{
		ID: billing.AttemptIDFor(c.ID, number, billing.InitiatorMerchant), ChargeID: c.ID, Number: number, Initiator: billing.InitiatorMerchant,
		SendCount: 1, SentAt: t.Now, Outcome: billing.OutcomeUnknown, PaymentIntent: c.PaymentIntent, CreatedAt: t.Now,
		Fingerprint: t.Work.Fingerprint(card),
	}
	a.IdempotencyKey = string(a.ID)
	if c.PaymentIntent != "" {
		a.Params = billing.PaymentParams{PaymentIntent: c.PaymentIntent, PaymentMethod: card.PaymentMethod, OffSession: true}
		// Sent only if the last attempt showed that it is needed. Most retries send nothing unusual.
		a.Params.ClearSetup = number > 1 && attempts[number-2].Failure.Code == codeSetupLeft
	} else {
		a.Params = billing.PaymentParams{
			Amount: c.Amount, Currency: c.Currency, Customer: card.StripeCustomer, PaymentMethod: card.PaymentMethod,
			OffSession: true, Metadata: c.Metadata(t.Plan.Reference, a.ID),
			Description: t.Plan.PaymentDescription(*c, len(t.Charges)),
		}.Connected(t.Plan.Connect)
	}
	if err := t.InsertAttempt(ctx, a); err != nil {
		return nil, err
	}
	if err := t.Move(c, billing.ChargeCollecting, "", c.NextAttemptAt); err != nil {
		return nil, err
	}
	c.AttemptCount = number
	t.HoldLease(c)
	t.Audit(c, "charge.collecting",
		fmt.Sprintf("charge %d of %s: attempt %d with the %s", c.Sequence,
			money.FormatAmount(c.Amount, c.Currency), number, card.Label()), "Stripe's answer")
	return &call{planID: t.Plan.ID, attempt: a, customer: card.StripeCustomer}, nil
}

// inFlight reports whether the call of an open attempt may be in flight. The attempt was sent under
// the charge's current lease, so another worker may still be waiting for Stripe's answer: the queue
// runs a task again when its worker seems dead. The charge is claimed again when the lease ends.
func inFlight(t *planwork.Tx, c *billing.Charge, a billing.Attempt) bool {
	return !t.InFuture(a.SentAt) && !c.ClaimAfter.After(a.SentAt.Add(t.Work.Clock.Simulated(t.Work.Lease)))
}

// resumeAttempt resumes an attempt whose outcome is unknown. The same request is sent again under
// the same key while Stripe remembers the key. After that, and for a payment that is processing,
// the outcome is looked up.
func resumeAttempt(ctx context.Context, t *planwork.Tx, c *billing.Charge, a billing.Attempt) (*call, error) {
	again := &call{planID: t.Plan.ID, customer: a.Params.Customer}
	// A request that is sent now may arrive one lease later, in real time: the key must live until
	// then.
	arrives := t.Now.Sub(a.CreatedAt) + t.Work.Clock.Simulated(t.Work.Lease)
	allowed, err := mayCharge(ctx, t, a.Params.PaymentMethod)
	if err != nil {
		return nil, err
	}
	// The age of a key that was written by a clock that was ahead is not known.
	ahead := t.InFuture(a.CreatedAt) || t.InFuture(a.SentAt)
	again.lookUp = a.Outcome == billing.OutcomeProcessing || arrives > planwork.KeyLifetime || ahead || !allowed
	if t.InFuture(a.SentAt) {
		a.SentAt = t.Now // it was sent by now at the latest, and may be in flight for one lease
	}
	if again.customer == "" && t.Plan.CardID != "" {
		card, err := t.Card(ctx, t.Plan.CardID)
		if err != nil {
			return nil, err
		}
		again.customer = card.StripeCustomer
	}
	again.sentAt = a.SentAt
	if a.SendCount++; !again.lookUp {
		a.SentAt = t.Now
	}
	if err := t.UpdateAttempt(ctx, a); err != nil {
		return nil, err
	}
	again.attempt = a
	t.HoldLease(c)
	return again, nil
}

// mayCharge reports whether the plan collects and the card of an attempt may still be charged. If
// not, an open attempt is looked up and not sent again.
func mayCharge(ctx context.Context, t *planwork.Tx, paymentMethod string) (bool, error) {
	card, err := t.CardByPaymentMethod(ctx, paymentMethod)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return false, err
	}
	return err == nil && card.Chargeable() && t.Plan.Status.Collects(), nil
}
