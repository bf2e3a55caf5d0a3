package forecast_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/view"
)

// step holds what the tests compare: an attempt or a notice.
type step struct {
	at       time.Time
	what     string
	sequence int
	amount   int64
}

func (h step) String() string {
	return fmt.Sprintf("%s %d %d %s", h.at.Format(time.RFC3339), h.sequence, h.amount, h.what)
}

func attempted(number int, paid bool) string { return fmt.Sprintf("attempt %d paid %t", number, paid) }

// forecastSteps returns the attempts and notices of a forecast.
func forecastSteps(steps []view.ForecastStep) []string {
	var list []string
	for _, s := range steps {
		h := step{at: s.At, sequence: s.Sequence, amount: s.Amount}
		switch s.What {
		case view.ForecastAttempt:
			h.what = attempted(s.Number, s.Status == billing.ChargeSucceeded)
		case view.ForecastNotice:
			h.what = string(s.Notice) + " " + s.To + " " + s.Subject
		default:
			continue
		}
		list = append(list, h.String())
	}
	slices.Sort(list)
	return list
}

// realSteps returns the attempts and notices of the real run since a time, of the wanted charges.
func (r *reality) realSteps(id billing.PlanID, from time.Time, wanted func(sequence int) bool) []string {
	r.t.Helper()
	var list []string
	d := r.Details(id)
	for _, c := range d.Charges {
		for _, a := range d.Attempts[c.ID] {
			if a.Initiator == billing.InitiatorMerchant && !a.CreatedAt.Before(from) && wanted(c.Sequence) {
				list = append(list, step{a.CreatedAt, attempted(a.Number, a.Outcome == billing.OutcomeSucceeded), c.Sequence, c.Amount}.String())
			}
		}
	}
	notices, err := r.store.Notices(r.t.Context(), billing.NoticeFilter{Plan: id})
	require.NoError(r.t, err)
	for _, n := range notices {
		if !n.CreatedAt.Before(from) && wanted(n.Data.Sequence) {
			list = append(list, step{n.CreatedAt, string(n.Kind) + " " + n.To + " " + n.Subject, n.Data.Sequence, n.Data.Amount}.String())
		}
	}
	slices.Sort(list)
	return list
}

func all(int) bool { return true }

// requireSameRun compares the forecast of a plan with the real run that follows.
func (r *reality) requireSameRun(id billing.PlanID, got view.Forecast) {
	r.t.Helper()
	from := r.Now().Add(time.Millisecond) // the real run's steps at this time precede the forecast
	r.live(from.AddDate(3, 0, 0))
	require.Equal(r.t, r.realSteps(id, from, all), forecastSteps(got.Timeline))
	d := r.Details(id)
	require.Equal(r.t, d.Plan.Status, got.EndStatus)
	for i, c := range d.Charges {
		require.Equal(r.t, got.Charges[i].Expected, c.Status, "charge %d", c.Sequence)
	}
}

// requireSameBranch declines a charge in the real run and compares.
func (r *reality) requireSameBranch(id billing.PlanID, got view.Forecast, sequence int) {
	r.t.Helper()
	branch := got.Charges[sequence-1].IfDeclined
	require.NotNil(r.t, branch)
	c := r.Details(id).Charges[sequence-1]
	r.declines(c.ID, branch.Code, branch.Times)
	end := branch.Steps[len(branch.Steps)-1].At
	r.live(end)
	r.settle()
	happened := r.realSteps(id, c.DueAt, func(s int) bool { return s == sequence || s == 0 })
	require.Equal(r.t, happened, forecastSteps(branch.Steps))
	d := r.Details(id)
	require.Equal(r.t, d.Plan.Status, branch.Plan)
	require.Equal(r.t, d.Charges[sequence-1].Status, branch.Charge)
	for i, later := range d.Charges[sequence:] {
		l := branch.LaterCharges[i]
		require.Equal(r.t, later.Status, l.Status, "charge %d", later.Sequence)
		require.Equal(r.t, later.NextAttemptAt, l.NextAt, "charge %d", later.Sequence)
	}
}

// drawn is a random plan with the fate of one of its charges.
type drawn struct {
	made            time.Time
	parts, declined int
	total           int64
	every, zone     string
	code            string
	times           int
}

func draw(q *rapid.T) drawn {
	d := drawn{
		made:  start.AddDate(0, 0, rapid.IntRange(0, 60).Draw(q, "day")).Add(time.Duration(rapid.IntRange(0, 1439).Draw(q, "minute")) * time.Minute),
		parts: rapid.IntRange(2, 3).Draw(q, "parts"), total: rapid.Int64Range(1000, 1_000_000).Draw(q, "total"),
		every: rapid.SampledFrom([]string{"3 days", "1 week", "1 month", "31 days"}).Draw(q, "every"),
		zone:  rapid.SampledFrom([]string{"America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu", "Europe/Lisbon"}).Draw(q, "zone"),
		code:  rapid.SampledFrom([]string{"insufficient_funds", "generic_decline", "card_velocity_exceeded", "try_again_later"}).Draw(q, "code"),
		times: rapid.IntRange(0, 3).Draw(q, "times"),
	}
	d.declined = rapid.IntRange(2, d.parts).Draw(q, "declined")
	return d
}
