package jobs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
)

// planTx is one transaction on one plan, under the plan's lock. Changes are collected in it and
// written together at the end.
type planTx struct {
	billing.Tx
	worker     *Worker
	now        time.Time
	before     billing.Plan
	plan       billing.Plan
	customer   billing.Customer
	charges    []billing.Charge // by sequence
	changed    map[billing.ChargeID]bool
	entries    []billing.AuditEntry
	tasks      []billing.Task
	newCard    string           // the PaymentIntent or SetupIntent that gave the plan another card, or empty
	shifted    string           // why the dates were changed; empty if they were not
	unshifted  []billing.Charge // the charges before the dates changed
	grown      []billing.Charge // charges that the database had lost, to be written
	askForCard string           // the payment that left the plan without a card, or empty
}

// inPlan locks a plan, runs fn, writes fn's changes in the same transaction, and then enqueues the
// follow-up tasks.
func (w *Worker) inPlan(ctx context.Context, id billing.PlanID, fn func(t *planTx) error) error {
	var tasks []billing.Task
	err := w.Store.Update(ctx, func(tx billing.Tx) error {
		t, err := w.openPlan(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := fn(t); err != nil {
			return err
		}
		err = t.write(ctx)
		tasks = t.tasks
		return err
	})
	if err != nil {
		return err
	}
	w.enqueue(ctx, tasks)
	return nil
}

func (w *Worker) openPlan(ctx context.Context, tx billing.Tx, id billing.PlanID) (*planTx, error) {
	plan, err := tx.LockPlan(ctx, id)
	if err != nil {
		return nil, err
	}
	charges, err := tx.PlanCharges(ctx, id)
	if err != nil {
		return nil, err
	}
	customer, err := tx.Customer(ctx, plan.CustomerID)
	if err != nil {
		return nil, err
	}
	return &planTx{
		Tx: tx, worker: w, now: w.Clock.Now(), before: plan, plan: plan, customer: customer, charges: charges,
		changed: map[billing.ChargeID]bool{},
	}, nil
}

// charge finds a charge of the plan. A caller that changes the charge calls touch.
func (t *planTx) charge(id billing.ChargeID) (*billing.Charge, error) {
	for i := range t.charges {
		if t.charges[i].ID == id {
			return &t.charges[i], nil
		}
	}
	return nil, fmt.Errorf("charge %s of plan %s: %w", id, t.plan.ID, billing.ErrNotFound)
}

// touch marks a charge as changed.
func (t *planTx) touch(c *billing.Charge) {
	c.UpdatedAt = t.now
	t.changed[c.ID] = true
}

// move changes the status of a charge; see billing.Charge.Move.
func (t *planTx) move(c *billing.Charge, to billing.ChargeStatus, reason string, next time.Time) error {
	t.touch(c)
	return c.Move(to, reason, next)
}

// audit adds an entry about a charge, by the acting party.
func (t *planTx) audit(c *billing.Charge, action, message, next string) {
	t.auditBy(c, "", action, message, next)
}

// auditBy adds an entry about a charge, by the given actor: the customer or Stripe. An empty actor
// means the acting party.
func (t *planTx) auditBy(c *billing.Charge, actor billing.Actor, action, message, next string) {
	t.addAudit(billing.AuditEntry{
		At: t.now, Actor: actor, Action: action, PlanID: t.plan.ID, ChargeID: c.ID, CustomerID: t.plan.CustomerID,
		Message: message, Next: next,
	})
}

// write updates the plan's status from its charges and writes everything that changed.
func (t *planTx) write(ctx context.Context) error {
	if err := t.settlePlan(); err != nil {
		return err
	}
	added := t.scheduleNext()
	t.followCharges() // the plan may end once its recurrence has ended
	if err := t.writeCharges(ctx, append(t.grown, added...)); err != nil {
		return err
	}
	if err := t.planNotices(ctx); err != nil {
		return err
	}
	if t.planChanged() {
		t.plan.UpdatedAt = t.now
		if err := t.UpdatePlan(ctx, t.plan); err != nil {
			return err
		}
	}
	if err := t.writeShift(ctx); err != nil || len(t.entries) == 0 {
		return err
	}
	return t.InsertAudit(ctx, t.entries...)
}

// planNotices writes the notices of a change of the plan: it is active or completed, or has a new
// card or needs one.
func (t *planTx) planNotices(ctx context.Context) error {
	if err := t.started(ctx); err != nil {
		return err
	}
	if t.plan.Status == billing.PlanCompleted && t.before.Status != billing.PlanCompleted {
		if err := t.completed(ctx); err != nil {
			return err
		}
	}
	if t.newCard != "" && t.plan.Status != billing.PlanCompleted { // else nothing will be charged on it
		if err := t.cardUpdated(ctx, t.newCard); err != nil {
			return err
		}
	}
	return t.cardNeeded(ctx)
}

func (t *planTx) writeCharges(ctx context.Context, added []billing.Charge) error {
	for i := range t.charges {
		if !t.changed[t.charges[i].ID] {
			continue
		}
		if err := t.UpdateCharge(ctx, t.charges[i]); err != nil {
			return err
		}
	}
	if len(added) == 0 {
		return nil
	}
	return t.InsertCharges(ctx, added...)
}

// planChanged reports whether the plan's own row must be written.
func (t *planTx) planChanged() bool {
	was, is := t.before, t.plan
	return is.Status != was.Status || is.CardID != was.CardID || is.Reason != was.Reason || is.Total != was.Total ||
		is.Recurrence != was.Recurrence || is.Schedule != was.Schedule || is.SetupIntent != was.SetupIntent
}

// scheduleNext adds the next charge of a recurrence once the previous one is being collected. It
// adds more than one only if a charge other than the last was skipped.
func (t *planTx) scheduleNext() []billing.Charge {
	var added []billing.Charge
	for {
		c, ok := t.plan.NextCharge(t.charges, t.location(), t.worker.Rules.Holidays, t.now)
		if !ok {
			break
		}
		added, t.charges = append(added, c), append(t.charges, c)
		t.audit(&c, "charge.scheduled",
			fmt.Sprintf("charge %d of %s falls due %s", c.Sequence, money.FormatAmount(c.Amount, c.Currency), t.local(c.DueAt)), "")
	}
	return added
}

// settlePlan activates a plan whose first charge is paid, and cancels the open charges of a plan
// whose first charge was canceled. It then updates the plan's status from its charges.
func (t *planTx) settlePlan() error {
	if t.plan.Status == billing.PlanAwaitingFirstPayment {
		switch t.charges[0].Status {
		case billing.ChargeSucceeded:
			t.activate("the first payment arrived")
		case billing.ChargeCanceled:
			if err := t.cancelRest(); err != nil {
				return err
			}
		}
	}
	t.followCharges()
	return nil
}

// followCharges sets the plan's status to the one that its charges imply.
func (t *planTx) followCharges() {
	next := t.plan.StatusAfter(t.charges)
	if next == t.plan.Status {
		return
	}
	t.plan.Status = next
	t.auditPlan("plan."+string(next), fmt.Sprintf("plan %s is %s", t.plan.Reference, spoken(next)), "")
}

// activate starts the collection of a plan. why is the event that the plan waited for.
func (t *planTx) activate(why string) {
	t.plan.Status, t.plan.ActivatedAt = billing.PlanActive, t.now
	t.shiftLateDates()
	next := ""
	for i := range t.charges {
		c := &t.charges[i]
		if c.Status != billing.ChargeScheduled {
			continue
		}
		c.NextAttemptAt, c.ClaimAfter, c.Reason = c.DueAt, c.DueAt, "" // zero if the charge waits until it is requested
		t.touch(c)
		if next == "" {
			next = fmt.Sprintf("charge %d of %s falls due %s", c.Sequence, money.FormatAmount(c.Amount, c.Currency), t.local(c.DueAt))
		}
	}
	t.auditPlan("plan.active", fmt.Sprintf("plan %s is active: %s", t.plan.Reference, why), next)
}

// shiftLateDates moves the dates of the remaining charges if the first of them would be due
// already, because the first payment, or the card, came late. A customer who returns to an old
// checkout thus pays in parts, as agreed, and not everything at once. The dates move by as many
// days as the payment was late. Without a first payment, they move by the number of days since the
// first charge was due.
func (t *planTx) shiftLateDates() {
	// The first charge is due when the plan was created, or when the merchant's own PaymentIntent was,
	// which may have been found late.
	loc, since, what := t.location(), t.charges[0].DueAt, "first payment was recorded %d days after the plan was agreed on"
	first := t.firstToCome()
	if first.IsZero() || first.After(t.now) {
		return
	}
	if !t.charges[0].Checkout {
		since, what = first, "card came %d days after the first charge was due"
	}
	days := calendar.DaysBetween(calendar.DateOf(since, loc), calendar.DateOf(t.now, loc))
	if days == 0 {
		return // the next charge falls due today
	}
	t.unshifted = slices.Clone(t.charges)
	toCome := func(c billing.Charge) bool { return c.Status == billing.ChargeScheduled }
	moved := t.plan.ShiftDates(t.charges, billing.Shift{Days: days, Moves: toCome}, t.worker.Rules, loc)
	for i := range t.charges {
		if moved[t.charges[i].ID] {
			t.touch(&t.charges[i])
		}
	}
	t.shifted = fmt.Sprintf("plan %s: the "+what+"; the later charges move by as many", t.plan.Reference, days)
	t.auditPlan("plan.shifted", t.shifted, "")
}

// firstToCome returns when the next scheduled charge falls due, or zero if none has a date.
func (t *planTx) firstToCome() time.Time {
	for _, c := range t.charges {
		if c.Status == billing.ChargeScheduled && !c.DueAt.IsZero() {
			return c.DueAt
		}
	}
	if next, _, ok := t.plan.Recurrence.Take(t.location(), t.worker.Rules.Holidays); ok {
		return next.DueAt
	}
	return time.Time{}
}

// writeShift adds a version to the plan if its dates were changed.
func (t *planTx) writeShift(ctx context.Context) error {
	if t.shifted == "" {
		return nil
	}
	before, err := billing.AgreementOf(t.before, t.unshifted)
	if err != nil {
		return err
	}
	after, err := billing.AgreementOf(t.plan, t.charges)
	if err != nil {
		return err
	}
	return billing.AddVersion(ctx, t.Tx, t.plan, before, after, t.now, t.shifted)
}

// cancelRest cancels every open charge of a plan whose first payment was canceled.
func (t *planTx) cancelRest() error {
	t.plan.EndRecurrence()
	for i := range t.charges {
		if c := &t.charges[i]; !c.Status.Ended() {
			if err := t.cancel(c, "the first payment was canceled"); err != nil {
				return err
			}
		}
	}
	return nil
}

// auditPlan adds an entry about the plan, by the acting party.
func (t *planTx) auditPlan(action, message, next string) {
	t.addAudit(billing.AuditEntry{
		At: t.now, Action: action, PlanID: t.plan.ID, CustomerID: t.plan.CustomerID, Message: message, Next: next,
	})
}

// auditCard adds an entry about a card of the plan, by the acting party.
func (t *planTx) auditCard(card billing.Card, action, message string) {
	t.addAudit(billing.AuditEntry{
		At: t.now, Action: action, PlanID: t.plan.ID, CustomerID: t.plan.CustomerID, CardID: card.ID, Message: message,
	})
}

// addAudit adds entries to the audit trail. They are written with the other changes.
func (t *planTx) addAudit(entries ...billing.AuditEntry) { t.entries = append(t.entries, entries...) }

// enqueueAfter adds a task that is enqueued once the changes are committed.
func (t *planTx) enqueueAfter(task billing.Task) { t.tasks = append(t.tasks, task) }

// keepAgreed keeps the charges as they were agreed on, before the caller changes them. changeAgreed
// then adds a version to the plan.
func (t *planTx) keepAgreed() {
	if t.unshifted == nil {
		t.unshifted = slices.Clone(t.charges)
	}
}

// changeAgreed adds a version to the plan, for the reason why. The caller has called keepAgreed
// before its changes.
func (t *planTx) changeAgreed(why string) { t.shifted = why }

// addLost adds charges that the database had lost.
func (t *planTx) addLost(charges []billing.Charge) {
	t.grown, t.charges = charges, append(t.charges, charges...)
}

// cardGiven notifies the customer that the plan has another card. cause is the PaymentIntent or
// SetupIntent with which the customer gave it.
func (t *planTx) cardGiven(cause string) { t.newCard = cause }

// requestCard asks the customer for a card. cause is the payment that left the plan without one.
func (t *planTx) requestCard(cause string) { t.askForCard = cause }

// location is the customer's time zone.
func (t *planTx) location() *time.Location { return billing.LoadLocation(t.customer.TimeZone) }

// local formats a due time for people, in the customer's time zone. A charge with a zero time waits
// for the merchant's request.
func (t *planTx) local(at time.Time) string {
	if at.IsZero() {
		return "on request"
	}
	return at.In(t.location()).Format("Mon 2 Jan 2006 15:04 MST")
}

// spoken formats a status for people: past_due becomes "past due".
func spoken[S ~string](s S) string {
	out := []rune(s)
	for i, r := range out {
		if r == '_' {
			out[i] = ' '
		}
	}
	return string(out)
}
