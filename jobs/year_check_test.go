//go:build !race

package jobs_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/testbench"
)

// check checks everything that must hold after every step. A failure names the plan and the latest
// actions.
func (y *year) check() {
	y.t.Helper()
	paid := y.paidAtStripe()
	for i, d := range y.everyPlan() {
		p := y.plans[i]
		var wrong []string
		for _, look := range []func(*lived, billing.Details, map[billing.ChargeID][]testbench.Intent) []string{
			y.amounts, y.payments, y.waiting, y.goingOn, y.dates, y.agreed,
		} {
			wrong = append(wrong, look(p, d, paid)...)
		}
		if len(wrong) > 0 {
			y.t.Fatalf("plan %s (%s) at %s:\n  %s\nterms: %+v\ncharges:\n%s\nlately:\n  %s", d.Plan.Reference, d.Plan.Status, y.Now().Format(time.DateTime),
				strings.Join(wrong, "\n  "), p.terms, chargesOf(d), strings.Join(y.cause, "\n  "))
		}
	}
	y.noticesOnce()
}

// everyPlan reads all plans, in the order they began.
func (y *year) everyPlan() []billing.Details {
	plans := make([]billing.Plan, len(y.plans))
	for i, p := range y.plans {
		var err error
		plans[i], err = y.Store.Plan(y.t.Context(), p.id)
		require.NoError(y.t, err)
	}
	all, err := billing.LoadAllDetails(y.t.Context(), y.Store, plans)
	require.NoError(y.t, err)
	return all
}

// atRest: when nothing is in flight, both records agree.
func (y *year) atRest() {
	paid := y.paidAtStripe()
	for _, d := range y.everyPlan() {
		for _, c := range d.Charges {
			require.True(y.t, len(paid[c.ID]) == 0 || c.Status.Settled(), "Stripe took charge %d of plan %s, and it is %s\n%s\n%s",
				c.Sequence, d.Plan.Reference, c.Status, chargesOf(d), strings.Join(y.cause, "\n"))
			require.NotEqual(y.t, billing.ChargeCollecting, c.Status, "charge %d of plan %s is still collecting: %s", c.Sequence, d.Plan.Reference, c.Reason)
		}
	}
}

func chargesOf(d billing.Details) string {
	var b strings.Builder
	for _, c := range d.Charges {
		fmt.Fprintf(&b, "  %d %s %d due %s written %s paid %s next %s wake %s %q %s\n", c.Sequence, c.Status, c.Amount, c.DueAt.Format(time.DateTime),
			c.CreatedAt.Format(time.DateTime), c.PaidAt.Format(time.DateTime),
			c.NextAttemptAt.Format(time.DateTime), c.ClaimAfter.Format(time.DateTime), c.Reason, c.PaymentIntent)
	}
	return b.String()
}

// paidAtStripe lists the simulator's payments, by charge.
func (y *year) paidAtStripe() map[billing.ChargeID][]testbench.Intent {
	paid := map[billing.ChargeID][]testbench.Intent{}
	for _, pi := range y.Intents() {
		if pi.Status == "succeeded" {
			id := billing.ChargeID(pi.Metadata[billing.MetaCharge])
			paid[id] = append(paid[id], pi)
		}
	}
	return paid
}

// amounts: the charges add up to the plan's total.
func (y *year) amounts(_ *lived, d billing.Details, _ map[billing.ChargeID][]testbench.Intent) (wrong []string) {
	if sum := billing.SumOf(d.Charges); sum != d.Plan.Total {
		wrong = append(wrong, fmt.Sprintf("the charges add up to %d, and the total is %d", sum, d.Plan.Total))
	}
	return wrong
}

// payments: Stripe took a charge's payment at most once and in full, and a charge is recorded as
// paid only if Stripe took its payment.
func (y *year) payments(_ *lived, d billing.Details, paid map[billing.ChargeID][]testbench.Intent) (wrong []string) {
	for _, c := range d.Charges {
		took := paid[c.ID]
		if len(took) > 1 {
			wrong = append(wrong, fmt.Sprintf("charge %d was paid %d times", c.Sequence, len(took)))
		}
		if len(took) == 1 && took[0].AmountReceived != c.Amount {
			wrong = append(wrong, fmt.Sprintf("charge %d is of %d, and Stripe took %d", c.Sequence, c.Amount, took[0].AmountReceived))
		}
		if c.Status.Settled() && !c.PaidOutside && len(took) == 0 {
			wrong = append(wrong, fmt.Sprintf("charge %d is %s, and Stripe took nothing", c.Sequence, c.Status))
		}
	}
	return wrong
}

// waiting: every due charge was tried, or has a reason. Lost tasks come back in the next step.
func (y *year) waiting(_ *lived, d billing.Details, _ map[billing.ChargeID][]testbench.Intent) (wrong []string) {
	for _, c := range d.Charges {
		overdue := !c.NextAttemptAt.IsZero() && later(c.NextAttemptAt, c.UpdatedAt).Before(y.Now().Add(-time.Hour))
		if overdue && d.Plan.Status.Collects() && c.Reason == "" && !y.lost {
			wrong = append(wrong, fmt.Sprintf("charge %d is %s and overdue since %s without a reason", c.Sequence, c.Status, c.NextAttemptAt.Format(time.DateTime)))
		}
		if c.NextAttemptAt.IsZero() != c.ClaimAfter.IsZero() {
			wrong = append(wrong, fmt.Sprintf("charge %d is tried next at %s, and looked at at %s", c.Sequence, c.NextAttemptAt, c.ClaimAfter))
		}
		if c.Status == billing.ChargeRetrying && c.NextAttemptAt.IsZero() && d.Plan.Status.Collects() {
			wrong = append(wrong, fmt.Sprintf("charge %d is retrying, and has no time", c.Sequence))
		}
	}
	return wrong
}

// goingOn: while charges recur one is scheduled, and only one unless an operator added others. A
// plan that has ended has none.
func (y *year) goingOn(p *lived, d billing.Details, _ map[billing.ChargeID][]testbench.Intent) (wrong []string) {
	coming := 0
	for _, c := range d.Charges {
		if c.Status == billing.ChargeScheduled && !c.DueAt.IsZero() {
			coming++
		}
		over := d.Plan.Status == billing.PlanCompleted || d.Plan.Status == billing.PlanCanceled
		if over && !c.Status.Ended() && c.Status != billing.ChargeCollecting {
			wrong = append(wrong, fmt.Sprintf("the plan is %s, and charge %d is %s", d.Plan.Status, c.Sequence, c.Status))
		}
	}
	goesOn := !d.Plan.Recurrence.IsZero() && (d.Plan.Status.Collects() || d.Plan.Status == billing.PlanPaused)
	if goesOn && (coming == 0 || coming > 1 && !p.touched) {
		wrong = append(wrong, fmt.Sprintf("the plan goes on, and has %d charges to come", coming))
	}
	return wrong
}

// dates: if a plan was not changed, each charge falls due at the date that is calculated here from
// the terms, and no two fall due on the same date.
func (y *year) dates(p *lived, d billing.Details, _ map[billing.ChargeID][]testbench.Intent) (wrong []string) {
	if p.touched || p.terms.BusinessDay != "" || p.terms.Trial != "" || p.terms.Every == "" {
		return nil
	}
	loc, err := time.LoadLocation(p.terms.Customer.TimeZone)
	require.NoError(y.t, err)
	anchor := p.began.In(loc)
	if p.terms.Starts != "" {
		anchor, err = time.ParseInLocation(time.DateOnly, p.terms.Starts, loc)
		require.NoError(y.t, err)
	}
	for i, c := range d.Charges {
		want := reckoned(anchor, strings.TrimSuffix(p.terms.Every, "s"), i) + " 09:00"
		if i == 0 && p.terms.Starts == "" {
			want = p.began.In(loc).Format("2006-01-02 15:04") // at once
		}
		if got := c.DueAt.In(loc).Format("2006-01-02 15:04"); got != want {
			wrong = append(wrong, fmt.Sprintf("charge %d falls due %s, and %s was agreed", c.Sequence, got, want))
		}
	}
	return wrong
}

// reckoned is the n-th date after a date, calculated independently: days are added, months are
// counted up and shortened to their last day.
func reckoned(from time.Time, every string, n int) string {
	var count int
	var unit string
	if _, err := fmt.Sscanf(every, "%d %s", &count, &unit); err != nil {
		return "unreadable: " + every
	}
	year, month, day := from.Date()
	switch unit {
	case "day":
		return time.Date(year, month, day+n*count, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	case "week":
		return time.Date(year, month, day+7*n*count, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	case "month":
		last := time.Date(year, month+time.Month(n*count)+1, 0, 0, 0, 0, 0, time.UTC)
		return fmt.Sprintf("%s-%02d", last.Format("2006-01"), min(day, last.Day()))
	}
	return "unreadable: " + every
}

// agreed: versions are only ever added, and are numbered without gaps.
func (y *year) agreed(p *lived, _ billing.Details, _ map[billing.ChargeID][]testbench.Intent) (wrong []string) {
	if !p.touched {
		return nil
	}
	now, err := y.Store.PlanVersions(y.t.Context(), p.id, 0)
	require.NoError(y.t, err)
	for i, v := range now {
		if v.Number != i+1 {
			wrong = append(wrong, fmt.Sprintf("version %d comes after %d others", v.Number, i))
		}
	}
	if len(now) < len(p.versions) || !slices.EqualFunc(now[:len(p.versions)], p.versions, func(a, b billing.PlanVersion) bool {
		return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b)
	}) {
		wrong = append(wrong, "a version was changed or removed")
	}
	p.versions = now
	return wrong
}

// noticesOnce: each step of a charge has one notice, and each mail is sent once. A killed worker
// could send a mail twice, but none is killed while it mails.
func (y *year) noticesOnce() {
	seen := map[string]bool{}
	for _, m := range y.Mails.All() {
		require.False(y.t, seen[m.MessageID], "the mail %q went out twice", m.Subject)
		seen[m.MessageID] = true
	}
}

// everyEntryHasAnActor: each audit entry, version and closed incident of the year names its actor,
// with the id for the actor's kind. Entries hold no personal data.
func (y *year) everyEntryHasAnActor() {
	seen := map[billing.ActorKind]int{}
	for e, err := range billing.EachAuditEntry(y.t.Context(), y.Store, billing.AuditFilter{}) {
		require.NoError(y.t, err)
		y.knownActor(e.Actor, e.Action)
		require.NotRegexp(y.t, `@|ending \d{4}`, e.Message+" "+e.Next, "%s holds no address and no digits of a card", e.Action)
		seen[e.Actor.Kind()]++
	}
	require.Contains(y.t, seen, billing.ActorKey)
	require.Contains(y.t, seen, billing.ActorEvent)
	require.Contains(y.t, seen, billing.ActorWorker)
	for _, d := range y.everyPlan() {
		versions, err := billing.PlanVersions(y.t.Context(), y.Store, d.Plan.ID)
		require.NoError(y.t, err)
		for _, v := range versions {
			y.knownActor(v.Actor, v.What)
		}
	}
	closed, err := y.Store.Incidents(y.t.Context(), billing.IncidentFilter{})
	require.NoError(y.t, err)
	for _, i := range closed {
		if !i.Open() {
			y.knownActor(i.ClosedBy, i.Detail)
		}
	}
}

func (y *year) knownActor(a billing.Actor, of string) {
	y.t.Helper()
	_, id, _ := strings.Cut(string(a), ":")
	switch a.Kind() {
	case billing.ActorEvent:
		require.True(y.t, strings.HasPrefix(id, "evt_"), "%s by %q", of, a)
	case billing.ActorKey:
		require.Equal(y.t, "bench", id, of)
	case billing.ActorWorker: // the bench's has no host
	case billing.ActorKind(billing.ActorCustomer):
		require.True(y.t, strings.HasPrefix(id, "cust_"), "%s by %q", of, a)
	default:
		require.Equal(y.t, billing.ActorStripe, a, of)
	}
}
