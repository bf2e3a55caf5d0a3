package forecast

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/view"
)

// logbook collects the steps of a world since a start, from the audit entries and the notices that
// the real run would write as well.
type logbook struct {
	since time.Time
	seq   int64                     // of the last audit entry before the start
	had   map[billing.NoticeID]bool // notices that were finished before the start
}

// begin sets the start: nothing before it is reported.
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

// entriesAfter returns the plan's audit entries after a sequence number.
func entriesAfter(ctx context.Context, w *world, seq int64) ([]billing.AuditEntry, error) {
	var all []billing.AuditEntry
	for e, err := range billing.EachAuditEntry(ctx, w.store, billing.AuditFilter{Plan: w.plan, After: seq}) {
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

// noticesOf returns the plan's notices, oldest first. At the same time, notices about a charge
// precede notices about the plan.
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

// steps returns the steps of the wanted charges in order; an empty id stands for the plan.
func (l *logbook) steps(ctx context.Context, w *world, charges []billing.Charge, wanted func(billing.ChargeID) bool) ([]view.ForecastStep, error) {
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
	t := stepBuilder{world: w, charges: byID, attempts: attempts}
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
	slices.SortStableFunc(t.steps, func(a, b view.ForecastStep) int { return cmp.Compare(a.At.UnixMilli(), b.At.UnixMilli()) })
	return t.steps, nil
}

// stepBuilder turns audit entries and notices into steps.
type stepBuilder struct {
	*world
	charges  map[billing.ChargeID]billing.Charge
	attempts []billing.Attempt
	steps    []view.ForecastStep
	tries    map[billing.ChargeID]int // index of the attempt that has no outcome yet, plus one
}

// Prefixes of the audit entries' actions.
const (
	aboutCharge = "charge."
	aboutNotice = "notice."
	tried       = "charge.collecting"
	wasPaid     = "charge.succeeded"
)

// entry adds an audit entry. An attempt has two entries, its start and its outcome, which become
// one step.
func (t *stepBuilder) entry(e billing.AuditEntry) {
	if strings.HasPrefix(e.Action, aboutNotice) {
		return // the notice itself has more detail
	}
	step := view.ForecastStep{At: e.At, What: view.ForecastPlan, Text: withoutCard(e.Message), Next: e.Next}
	c, known := t.charges[e.ChargeID]
	if known {
		step.Sequence, step.Amount = c.Sequence, c.Amount
	}
	kind, isCharge := strings.CutPrefix(e.Action, aboutCharge)
	switch open := t.tries[e.ChargeID]; {
	case !isCharge:
	case e.Action == tried:
		step.What, step.Number = view.ForecastAttempt, t.number(e.ChargeID, e.At)
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
		step.What, step.Status = view.ForecastPayment, billing.ChargeSucceeded
		step.Text = fmt.Sprintf("charge %d of %s is paid in the checkout", c.Sequence, money.FormatAmount(c.Amount, c.Currency))
	default:
		step.What = view.ForecastChange
	}
	t.steps = append(t.steps, step)
}

// cardToCome matches the invented id of a future card in audit entries.
var cardToCome = regexp.MustCompile(`\bnew card card_\w+`)

// withoutCard removes the invented id of a card from a text.
func withoutCard(text string) string { return cardToCome.ReplaceAllString(text, "new card") }

// number returns the number of the attempt that started at a time.
func (t *stepBuilder) number(id billing.ChargeID, at time.Time) int {
	for _, a := range t.attempts {
		if a.ChargeID == id && a.CreatedAt.Equal(at) {
			return a.Number
		}
	}
	return 0
}

// notice adds a notice.
func (t *stepBuilder) notice(n billing.Notice) {
	step := view.ForecastStep{
		At: n.CreatedAt, What: view.ForecastNotice, Sequence: n.Data.Sequence, Amount: n.Data.Amount, Notice: n.Kind,
		Subject: n.Subject, To: n.To, Text: spaced(n.Kind) + " mailed to " + n.To,
	}
	if n.Status == billing.NoticeFailed {
		step.Text = spaced(n.Kind) + " can't be mailed: " + n.Reason
	}
	if n.CreatedAt.Before(t.began) {
		step.At = n.SentAt
	}
	// The audit trail records that a reminder was sent as well: both are one step.
	sameStep := func(s view.ForecastStep) bool {
		return s.What == view.ForecastChange && s.Sequence == step.Sequence && s.At.Equal(step.At)
	}
	if i := slices.IndexFunc(t.steps, sameStep); i >= 0 {
		step.Next = t.steps[i].Next
		t.steps = slices.Delete(t.steps, i, i+1)
	}
	t.steps = append(t.steps, step)
}

// spaced returns a constant's value with spaces, for people.
func spaced[S ~string](word S) string { return strings.ReplaceAll(string(word), "_", " ") }

// The interval between two calendar checks: such a step may be later than forecast by as much.
const (
	upcomingMinutes = 15
	expiringMinutes = 6 * 60
)

// within sets how much later than forecast each step may be. Retries are spread by their charge's
// id, which a proposed charge does not have.
func within(steps []view.ForecastStep, w *world) {
	retried := map[int64]bool{}
	for _, s := range steps {
		if s.What == view.ForecastAttempt && s.Number > 1 {
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
