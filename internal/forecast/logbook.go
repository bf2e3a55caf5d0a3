package forecast

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tranche/internal/billing"
)

// logbook tells what happened in a world since it was begun, by the audit entries and the notices that the real run would
// write, too.
type logbook struct {
	since time.Time
	seq   int64                     // of the last audit entry before
	had   map[billing.NoticeID]bool // the notices that were done with before
}

// begin begins it: what was before is not told.
func (l *logbook) begin(ctx context.Context, w *world) error {
	l.since, l.had = w.time, map[billing.NoticeID]bool{}
	entries, err := entriesAfter(ctx, w, 0)
	if err != nil {
		return err
	}
	if n := len(entries); n > 0 {
		l.seq = entries[n-1].Seq
	}
	notices, err := noticesOf(ctx, w)
	for _, n := range notices {
		if n.Status != billing.NoticePending {
			l.had[n.ID] = true
		}
	}
	return err
}

// entriesAfter reads the plan's audit entries after one.
func entriesAfter(ctx context.Context, w *world, seq int64) ([]billing.AuditEntry, error) {
	var all []billing.AuditEntry
	for {
		page, err := w.store.AuditTrail(ctx, billing.AuditFilter{Plan: w.plan, After: seq})
		all = append(all, page...)
		if err != nil || len(page) < billing.MaxPage {
			return all, err
		}
		seq = page[len(page)-1].Seq
	}
}

// noticesOf reads the plan's notices, oldest first. Of those of the same moment the ones about a charge come first.
func noticesOf(ctx context.Context, w *world) ([]billing.Notice, error) {
	got := rows{plan: billing.Plan{ID: w.plan}}
	err := got.readNotices(ctx, w.store)
	slices.SortFunc(got.notices, func(a, b billing.Notice) int {
		planOf := func(n billing.Notice) int {
			if n.ChargeID == "" {
				return 1
			}
			return 0
		}
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(planOf(a), planOf(b)),
			cmp.Compare(a.Data.Sequence, b.Data.Sequence), cmp.Compare(a.Step, b.Step))
	})
	return got.notices, err
}

// steps tells what happened, in order, of the charges that are wanted; an empty id stands for the plan.
func (l *logbook) steps(ctx context.Context, w *world, charges []billing.Charge, wanted func(billing.ChargeID) bool) ([]billing.ForecastStep, error) {
	entries, err := entriesAfter(ctx, w, l.seq)
	if err != nil {
		return nil, err
	}
	notices, err := noticesOf(ctx, w)
	if err != nil {
		return nil, err
	}
	byID, ids := map[billing.ChargeID]billing.Charge{}, []billing.ChargeID(nil)
	for _, c := range charges {
		if byID[c.ID] = c; wanted(c.ID) {
			ids = append(ids, c.ID)
		}
	}
	attempts, err := w.store.Attempts(ctx, ids...)
	if err != nil {
		return nil, err
	}
	t := teller{world: w, charges: byID, attempts: attempts}
	for _, e := range entries {
		if wanted(e.ChargeID) {
			t.entry(e)
		}
	}
	for _, n := range notices {
		if wanted(n.ChargeID) && !l.had[n.ID] {
			t.notice(n)
		}
	}
	within(t.steps, w)
	slices.SortStableFunc(t.steps, func(a, b billing.ForecastStep) int { return cmp.Compare(a.At.UnixMilli(), b.At.UnixMilli()) })
	return t.steps, nil
}

// teller turns what was written into steps.
type teller struct {
	*world
	charges  map[billing.ChargeID]billing.Charge
	attempts []billing.Attempt
	steps    []billing.ForecastStep
	tries    map[billing.ChargeID]int // the place of the attempt that has no outcome yet, plus one
}

// The beginnings of the audit entries' actions.
const (
	aboutCharge = "charge."
	aboutNotice = "notice."
	tried       = "charge.collecting"
	wasPaid     = "charge.succeeded"
)

// entry tells one audit entry. An attempt has two, its beginning and its outcome: they are one step.
func (t *teller) entry(e billing.AuditEntry) {
	if strings.HasPrefix(e.Action, aboutNotice) {
		return // the notice itself tells more
	}
	step := billing.ForecastStep{At: e.At, What: billing.ForecastPlan, Text: e.Message, Next: e.Next}
	c, known := t.charges[e.ChargeID]
	if known {
		step.Sequence, step.Amount = c.Sequence, c.Amount
	}
	kind, isCharge := strings.CutPrefix(e.Action, aboutCharge)
	switch open := t.tries[e.ChargeID]; {
	case !isCharge:
	case e.Action == tried:
		step.What, step.Number = billing.ForecastAttempt, t.number(e.ChargeID, e.At)
		if t.tries == nil {
			t.tries = map[billing.ChargeID]int{}
		}
		t.tries[e.ChargeID] = len(t.steps) + 1
	case open > 0 && t.steps[open-1].At.Equal(e.At):
		was := &t.steps[open-1]
		was.Text, was.Next, was.Status = e.Message, e.Next, billing.ChargeStatus(kind)
		delete(t.tries, e.ChargeID)
		return
	case e.Action == wasPaid:
		step.What, step.Status = billing.ForecastPayment, billing.ChargeSucceeded
		step.Text = fmt.Sprintf("charge %d of %s is paid in the checkout", c.Sequence, billing.FormatAmount(c.Amount, c.Currency))
	default:
		step.What = billing.ForecastChange
	}
	t.steps = append(t.steps, step)
}

// number is that of the attempt that was begun at a moment.
func (t *teller) number(id billing.ChargeID, at time.Time) int {
	for _, a := range t.attempts {
		if a.ChargeID == id && a.CreatedAt.Equal(at) {
			return a.Number
		}
	}
	return 0
}

// notice tells one notice.
func (t *teller) notice(n billing.Notice) {
	step := billing.ForecastStep{
		At: n.CreatedAt, What: billing.ForecastNotice, Sequence: n.Data.Sequence, Amount: n.Data.Amount, Notice: n.Kind,
		Subject: n.Subject, To: n.To, Text: spoken(n.Kind) + " mailed to " + n.To,
	}
	if n.Status == billing.NoticeFailed {
		step.Text = spoken(n.Kind) + " can't be mailed: " + n.Reason
	}
	if n.CreatedAt.Before(t.began) {
		step.At = n.SentAt
	}
	// That a reminder is sent stands in the audit trail, too: it is one step.
	said := func(s billing.ForecastStep) bool {
		return s.What == billing.ForecastChange && s.Sequence == step.Sequence && s.At.Equal(step.At)
	}
	if i := slices.IndexFunc(t.steps, said); i >= 0 {
		step.Next = t.steps[i].Next
		t.steps = slices.Delete(t.steps, i, i+1)
	}
	t.steps = append(t.steps, step)
}

// spoken is a word of ours as people write it.
func spoken[S ~string](word S) string { return strings.ReplaceAll(string(word), "_", " ") }

// How much later than told what is found by a look at the calendar may be: the time between two looks.
const (
	upcomingMinutes = 15
	expiringMinutes = 6 * 60
)

// within says how much later than told each step may be. Retries are spread by their charge's share, which nobody knows of
// a charge that is only proposed.
func within(steps []billing.ForecastStep, w *world) {
	retried := map[int64]bool{}
	for _, s := range steps {
		if s.What == billing.ForecastAttempt && s.Number > 1 {
			retried[s.At.UnixMilli()] = true
		}
	}
	for i := range steps {
		switch s := &steps[i]; {
		case s.Notice == billing.NoticeUpcomingCharge:
			s.WithinMinutes = upcomingMinutes
		case s.Notice == billing.NoticeCardExpiring:
			s.WithinMinutes = expiringMinutes
		case retried[s.At.UnixMilli()]:
			s.WithinMinutes = w.spread
		}
	}
}
