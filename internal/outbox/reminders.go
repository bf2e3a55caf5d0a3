package outbox

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
	"tranche/internal/task"
)

// expiringAhead is how long before a card expires its customer is notified. It leaves time for
// the new card to arrive by post, and is short enough that the notice is not forgotten again.
const expiringAhead = 30 * 24 * time.Hour

// ExpiringFrom returns the earliest time at which customers are notified of cards that expire at
// the end of the month.
func ExpiringFrom(year int, month time.Month) time.Time {
	return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Add(-expiringAhead)
}

// Reminders finds the advance notices that are due, and enqueues a task for each. A charge or card
// whose notice was written is not found again. The next run therefore repeats a lost task, and a
// task that runs twice does nothing.
type Reminders struct {
	Store billing.ReminderStore
	Queue billing.Queue
}

// Upcoming enqueues a task for each charge that falls due within the given number of days, and
// returns how many. With 0 days there are no advance notices. Errors: billing.ErrUnavailable.
func (r Reminders) Upcoming(ctx context.Context, now time.Time, days int) (found int, err error) {
	lead := time.Duration(days) * 24 * time.Hour
	if lead == 0 {
		return 0, nil
	}
	last := billing.DueCharge{DueAt: now}
	for {
		page, err := r.Store.UpcomingCharges(ctx, last, now.Add(lead), lead, billing.MaxPage)
		if err != nil || len(page) == 0 {
			return found, err
		}
		tasks := make([]billing.Task, len(page))
		for i, c := range page {
			tasks[i] = task.New(task.KindNotifyUpcoming, string(c.ID), now.Unix())
		}
		if err := r.Queue.Enqueue(ctx, tasks...); err != nil {
			return found, err
		}
		found, last = found+len(page), page[len(page)-1]
	}
}

// Expiring enqueues a task for each card that expires within 30 days, or has expired, before the
// last charge it is to pay, and returns how many. Errors: billing.ErrUnavailable.
func (r Reminders) Expiring(ctx context.Context, now time.Time) (found int, err error) {
	// A card that was saved shortly before its expiry may be found after it. Cards that expired
	// earlier have had their notice or get none.
	month := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, time.UTC)
	for ; !month.AddDate(0, 1, 0).After(now.Add(expiringAhead)); month = month.AddDate(0, 1, 0) {
		n, err := r.expiringIn(ctx, month, now)
		found += n
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// expiringIn enqueues a task for each card that expires in a month.
func (r Reminders) expiringIn(ctx context.Context, month, now time.Time) (found int, err error) {
	var last billing.CardID
	for {
		page, err := r.Store.ExpiringCards(ctx, month.Year(), month.Month(), last, billing.MaxPage)
		if err != nil || len(page) == 0 {
			return found, err
		}
		tasks := make([]billing.Task, len(page))
		for i, id := range page {
			tasks[i] = task.New(task.KindNotifyExpiring, string(id), now.Unix())
		}
		if err := r.Queue.Enqueue(ctx, tasks...); err != nil {
			return found, err
		}
		found, last = found+len(page), page[len(page)-1]
	}
}

// Checkouts enqueues a task for each plan whose customer is to be reminded of the checkout, and
// returns how many. days is the number of days after which a plan expires if its terms set no time;
// 0 means never. Errors: billing.ErrUnavailable.
func (r Reminders) Checkouts(ctx context.Context, now time.Time, days int) (found int, err error) {
	last := billing.FirstWithCheckoutReminder(now)
	for {
		page, err := r.Store.OpenCheckouts(ctx, last, billing.MaxPage)
		if err != nil || len(page) == 0 {
			return found, err
		}
		var tasks []billing.Task
		for _, p := range page {
			if p.RemindsOfCheckout(now, days) {
				tasks = append(tasks, task.New(task.KindRemindCheckout, string(p.ID), now.Unix()))
			}
		}
		if err := r.Queue.Enqueue(ctx, tasks...); err != nil {
			return found, err
		}
		found, last = found+len(tasks), page[len(page)-1].ID
	}
}

// NotifyUpcoming enqueues the notice that the charge id falls due, once for each due date, unless
// the charge was paid or stopped meanwhile. Errors: billing.ErrConflict; billing.ErrUnavailable.
func (o *Outbox) NotifyUpcoming(ctx context.Context, id string, _ int64) error {
	row, err := o.Store.Charge(ctx, billing.ChargeID(id))
	if errors.Is(err, billing.ErrNotFound) {
		o.Log.Info().Str("charge", id).Msg("task dropped: its charge is gone")
		return nil
	}
	if err != nil {
		return err
	}
	return o.Do(ctx, row.PlanID, func(t *planwork.Tx) error {
		c, err := t.Charge(row.ID)
		if err != nil || c.Status != billing.ChargeScheduled || !t.Plan.Status.Collects() || !c.DueAt.After(t.Now) {
			return err
		}
		if _, unpaid := unpaidBefore(t.Charges, *c, t.Now); unpaid {
			return nil // a later run checks again: "you do not need to do anything" is not true now
		}
		return t.Notify(ctx, c, billing.NoticeUpcomingCharge, billing.StepUpcoming(c.DueAt), "")
	})
}

// NotifyExpiring enqueues the notice that the card id expires before the last charge it is to pay.
// It is sent once for each card and month, even if several plans use the card. Errors:
// billing.ErrConflict; billing.ErrUnavailable.
func (o *Outbox) NotifyExpiring(ctx context.Context, id string, _ int64) error {
	card, err := o.Store.Card(ctx, billing.CardID(id))
	if errors.Is(err, billing.ErrNotFound) {
		o.Log.Info().Str("card", id).Msg("task dropped: its card is gone")
		return nil
	}
	if err != nil || card.Status != billing.CardActive {
		return err
	}
	plan, err := o.firstAfterExpiry(ctx, card)
	if err != nil || plan == "" {
		return err
	}
	return o.Do(ctx, plan, func(t *planwork.Tx) error {
		// Rows that were read without the lock may have changed: the card, its expiry month, the plan's
		// card.
		now, err := t.Card(ctx, card.ID)
		if err != nil || now.Status != billing.CardActive || t.Plan.CardID != now.ID || !t.Plan.Status.Collects() {
			return err
		}
		c, ok := now.ExpiresBefore(t.Charges, t.Location())
		if !ok {
			return nil
		}
		n := t.Draft(billing.NoticeCardExpiring, billing.StepCardExpiring(now.ID, now.ExpYear, time.Month(now.ExpMonth)))
		n.ChargeID, n.Data.Sequence = "", 0
		n.Data.Amount, n.Data.DueAt = c.Amount, c.DueAt
		n.Data.Following, n.Data.FollowingDue = c.Amount, c.DueAt
		return t.EnqueueNotice(ctx, n)
	})
}

// RemindCheckout enqueues the notice that the checkout of the plan id is not completed, unless it
// was completed or the plan was canceled or expired meanwhile. Errors: billing.ErrConflict;
// billing.ErrUnavailable.
func (o *Outbox) RemindCheckout(ctx context.Context, id string, _ int64) error {
	err := o.Do(ctx, billing.PlanID(id), func(t *planwork.Tx) error {
		if !t.Plan.RemindsOfCheckout(t.Now, o.Rules.CheckoutDays) {
			return nil
		}
		c, reason := &t.Charges[0], billing.Reason("")
		if t.Plan.AwaitedCard(*c) {
			reason = billing.ReasonNoCardSaved
		} else if !c.Checkout {
			return nil // its SetupIntent was not created, so the page has nothing to offer yet
		}
		return t.Notify(ctx, c, billing.NoticeCheckoutReminder, billing.StepCheckoutReminder, reason)
	})
	if errors.Is(err, billing.ErrNotFound) {
		o.Log.Info().Str("plan", id).Msg("task dropped: its plan is gone")
		return nil
	}
	return err
}

// firstAfterExpiry returns the plan with the first charge that the card can't pay, among the plans
// that use the card; "" if there is none.
func (o *Outbox) firstAfterExpiry(ctx context.Context, card billing.Card) (billing.PlanID, error) {
	customer, err := o.Store.Customer(ctx, card.CustomerID)
	if err != nil {
		return "", err
	}
	var ids []billing.PlanID
	for p, err := range billing.EachPlan(ctx, o.Store, billing.PlanFilter{Customer: card.CustomerID}) {
		if err != nil {
			return "", err
		}
		if p.CardID == card.ID && p.Status.Collects() {
			ids = append(ids, p.ID)
		}
	}
	charges, err := o.Store.PlanCharges(ctx, ids...)
	if err != nil {
		return "", err
	}
	if c, ok := card.ExpiresBefore(charges, billing.LoadLocation(customer.TimeZone)); ok {
		return c.PlanID, nil
	}
	return "", nil
}
