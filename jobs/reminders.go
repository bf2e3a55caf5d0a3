package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Tasks that owe a customer a notice ahead of time. Who finds what to tell is no worker: the
// scheduler does.
const (
	KindTellUpcoming = "notice:upcoming"
	KindTellExpiring = "notice:expiring"
	KindTellCheckout = "notice:checkout"
)

// expiringAhead is how long before a card expires its customer is told: long enough that the new
// card has come by post, and short enough that the old one is not forgotten again.
const expiringAhead = 30 * 24 * time.Hour

// ExpiringFrom is the first moment at which customers are told of cards that expire at the end of
// the month.
func ExpiringFrom(year int, month time.Month) time.Time {
	return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Add(-expiringAhead)
}

// Reminders finds what customers are to be told ahead of time, and enqueues a task for each. What
// was told is found no more, so a task that is lost is made again by the next run, and one that
// runs twice does nothing.
type Reminders struct {
	Store billing.ReminderStore
	Queue billing.Queue
}

// Upcoming enqueues a task for each charge that falls due within so many days. None are told of for
// 0 days. Errors: billing.ErrUnavailable.
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
			tasks[i] = newTask(KindTellUpcoming, string(c.ID), now.Unix(), time.Time{})
		}
		if err := r.Queue.Enqueue(ctx, tasks...); err != nil {
			return found, err
		}
		found, last = found+len(page), page[len(page)-1]
	}
}

// Expiring enqueues a task for each card that expires soon, or has, before the last charge it is to
// pay. Errors: billing.ErrUnavailable.
func (r Reminders) Expiring(ctx context.Context, now time.Time) (found int, err error) {
	// A card saved shortly before it expires may be found after that; what is older was told or
	// never will be.
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

func (r Reminders) expiringIn(ctx context.Context, month, now time.Time) (found int, err error) {
	var last billing.CardID
	for {
		page, err := r.Store.ExpiringCards(ctx, month.Year(), month.Month(), last, billing.MaxPage)
		if err != nil || len(page) == 0 {
			return found, err
		}
		tasks := make([]billing.Task, len(page))
		for i, id := range page {
			tasks[i] = newTask(KindTellExpiring, string(id), now.Unix(), time.Time{})
		}
		if err := r.Queue.Enqueue(ctx, tasks...); err != nil {
			return found, err
		}
		found, last = found+len(page), page[len(page)-1]
	}
}

// Checkouts enqueues a task for each plan whose customer is to be reminded of the checkout. days is
// after how many days a plan expires whose terms set no time; 0 means never. Errors:
// billing.ErrUnavailable.
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
				tasks = append(tasks, newTask(KindTellCheckout, string(p.ID), now.Unix(), time.Time{}))
			}
		}
		if err := r.Queue.Enqueue(ctx, tasks...); err != nil {
			return found, err
		}
		found, last = found+len(tasks), page[len(page)-1].ID
	}
}

// TellUpcoming owes the customer the notice that a charge falls due, unless it was paid or stopped
// meanwhile.
func (w *Worker) TellUpcoming(ctx context.Context, id string, _ int64) error {
	row, err := w.Store.Charge(ctx, billing.ChargeID(id))
	if errors.Is(err, billing.ErrNotFound) {
		w.Log.Info().Str("charge", id).Msg("task dropped: its charge is gone")
		return nil
	}
	if err != nil {
		return err
	}
	return w.inPlan(ctx, row.PlanID, func(t *planTx) error {
		c, err := t.charge(row.ID)
		if err != nil || c.Status != billing.ChargeScheduled || !t.plan.Status.Collects() || !c.DueAt.After(t.now) {
			return err
		}
		if _, unpaid := billing.UnpaidBefore(t.charges, *c, t.now); unpaid {
			return nil // a later run looks again: "you do not need to do anything" is not true
		}
		return t.notice(ctx, c, billing.NoticeUpcomingCharge, billing.StepUpcoming(c.DueAt), "")
	})
}

// TellExpiring owes the customer the notice that a card expires before the last charge it is to
// pay. It is owed once for the card and the month, whatever the number of its plans.
func (w *Worker) TellExpiring(ctx context.Context, id string, _ int64) error {
	card, err := w.Store.Card(ctx, billing.CardID(id))
	if errors.Is(err, billing.ErrNotFound) {
		w.Log.Info().Str("card", id).Msg("task dropped: its card is gone")
		return nil
	}
	if err != nil || card.Status != billing.CardActive {
		return err
	}
	plan, err := w.firstAfterExpiry(ctx, card)
	if err != nil || plan == "" {
		return err
	}
	return w.inPlan(ctx, plan, func(t *planTx) error {
		// What was read without the lock may have changed: the card, its month, the plan's card.
		now, err := t.Card(ctx, card.ID)
		if err != nil || now.Status != billing.CardActive || t.plan.CardID != now.ID || !t.plan.Status.Collects() {
			return err
		}
		c, ok := now.ExpiresBefore(t.charges, t.location())
		if !ok {
			return nil
		}
		n := t.draft(billing.NoticeCardExpiring, billing.StepCardExpiring(now.ID, now.ExpYear, time.Month(now.ExpMonth)))
		n.ChargeID, n.Data.Sequence = "", 0
		n.Data.Amount, n.Data.DueAt = c.Amount, c.DueAt
		n.Data.Following, n.Data.FollowingDue = c.Amount, c.DueAt
		return t.owe(ctx, n)
	})
}

// TellCheckout owes the customer the notice that the checkout is not completed, unless it was, or the
// plan was canceled or expired meanwhile.
func (w *Worker) TellCheckout(ctx context.Context, id string, _ int64) error {
	err := w.inPlan(ctx, billing.PlanID(id), func(t *planTx) error {
		if !t.plan.RemindsOfCheckout(t.now, w.Rules.CheckoutDays) {
			return nil
		}
		c, reason := &t.charges[0], billing.Reason("")
		if t.plan.AwaitedCard(*c) {
			reason = billing.ReasonNoCardSaved
		} else if !c.Checkout {
			return nil // its SetupIntent was not made: there is nothing on the page yet
		}
		return t.notice(ctx, c, billing.NoticeCheckoutReminder, billing.StepCheckoutReminder, reason)
	})
	if errors.Is(err, billing.ErrNotFound) {
		w.Log.Info().Str("plan", id).Msg("task dropped: its plan is gone")
		return nil
	}
	return err
}

// firstAfterExpiry is the plan, of those that use the card, with the first charge that the card
// can't pay; "" when there is none.
func (w *Worker) firstAfterExpiry(ctx context.Context, card billing.Card) (billing.PlanID, error) {
	customer, err := w.Store.Customer(ctx, card.CustomerID)
	if err != nil {
		return "", err
	}
	var ids []billing.PlanID
	for p, err := range billing.EachPlan(ctx, w.Store, billing.PlanFilter{Customer: card.CustomerID}) {
		if err != nil {
			return "", err
		}
		if p.CardID == card.ID && p.Status.Collects() {
			ids = append(ids, p.ID)
		}
	}
	charges, err := w.Store.PlanCharges(ctx, ids...)
	if err != nil {
		return "", err
	}
	if c, ok := card.ExpiresBefore(charges, billing.LoadLocation(customer.TimeZone)); ok {
		return c.PlanID, nil
	}
	return "", nil
}

// expiryOf is a card's month as it is printed on it: 08/27.
func expiryOf(card billing.Card) string {
	if card.ExpMonth == 0 {
		return ""
	}
	return fmt.Sprintf("%02d/%02d", card.ExpMonth, card.ExpYear%100)
}
