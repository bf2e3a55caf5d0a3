package forecast_test

import (
	"context"
	"crypto/sha256"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/planning"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
	"tranche/internal/testbench"
	"tranche/internal/view"
)

// contents returns a digest of every file of the database.
func (r *reality) contents() map[string][32]byte {
	r.t.Helper()
	digests := map[string][32]byte{}
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(r.file + suffix)
		require.NoError(r.t, err)
		digests[suffix] = sha256.Sum256(data)
	}
	return digests
}

func TestForecast_ChangesNothing(t *testing.T) {
	t.Parallel()
	r := newReality(t)
	r.started(testbench.Terms(func(t *terms.Terms) { t.Parts = 2 }))
	before, calls, intents := r.contents(), r.Gateway.Calls, len(r.Sim.PaymentIntents())
	proposed := testbench.Terms(func(t *terms.Terms) { t.Reference, t.Parts = "order-2", 2 })
	for _, req := range []view.ForecastRequest{{Plan: "order-1", Decline: "stolen_card"}, {Terms: &proposed}} {
		require.NotEmpty(t, r.forecast(req).Timeline)
	}
	require.Equal(t, before, r.contents(), "the database's files")
	require.Equal(t, calls, r.Gateway.Calls, "calls of Stripe")
	require.Len(t, r.Sim.PaymentIntents(), intents)
	_, err := r.store.PlanByReference(t.Context(), "order-2")
	require.ErrorIs(t, err, billing.ErrNotFound)
}

func TestForecast_ProposedPlanMatchesCreatedPlan(t *testing.T) {
	t.Parallel()
	r := newReality(t)
	proposed := testbench.Terms(func(t *terms.Terms) { t.Parts = 2 })
	got := r.forecast(view.ForecastRequest{Terms: &proposed})
	require.True(t, got.Proposed)
	require.Empty(t, got.Plan)
	require.Equal(t, int64(100003), got.Total)
	require.Contains(t, got.Assumed, "the customer pays the first charge now")
	id := r.started(proposed)
	r.live(start.AddDate(1, 0, 0))
	require.Equal(t, r.realSteps(id, start, all), forecastSteps(got.Timeline))
	// The spread of a charge follows from its id, which a proposed charge does not have: the forecast
	// has the earliest time.
	branch := got.Charges[1].IfDeclined
	require.Equal(t, "2026-02-20T15:00:00Z", branch.Steps[3].At.Format(time.RFC3339))
	require.Equal(t, 45, branch.Steps[3].WithinMinutes)
}

// TestForecast_ConnectedAccount simulates a plan of a connected account as one of the platform's
// own.
func TestForecast_ConnectedAccount(t *testing.T) {
	t.Parallel()
	r := newReality(t)
	for _, starts := range []string{"", "2026-01-31"} {
		own := testbench.Terms(func(t *terms.Terms) { t.Parts, t.Starts = 2, starts })
		connected := own
		connected.Account = "acct_1Villa"
		want := forecastSteps(r.forecast(view.ForecastRequest{Terms: &own}).Timeline)
		require.Contains(t, want[len(want)-1], "payment_succeeded")
		require.Equal(t, want, forecastSteps(r.forecast(view.ForecastRequest{Terms: &connected}).Timeline))
	}
}

func TestForecast_PlanDuringDunning(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code  string
		times int
		days  int
	}{
		"retrying, then paid":  {"insufficient_funds", 2, 36},
		"waits for a customer": {"authentication_required", 0, 40},
		"after the reminder":   {"expired_card", 0, 57},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReality(t)
			id := r.started(testbench.Terms(func(t *terms.Terms) { t.Parts = 2 }))
			r.declines(r.Details(id).Charges[1].ID, c.code, c.times)
			r.live(start.AddDate(0, 0, c.days))
			require.Equal(t, billing.PlanPastDue, r.Details(id).Plan.Status)
			got := r.forecast(view.ForecastRequest{Plan: string(id), NoDeclines: true})
			if c.times > 0 {
				r.Sim.ClearFaults()
			}
			require.Equal(t, billing.PlanPastDue, got.Status)
			r.requireSameRun(id, got)
		})
	}
}

func TestForecast_BranchForDeclinedRetry(t *testing.T) {
	t.Parallel()
	r := newReality(t)
	id := r.started(testbench.Terms(func(t *terms.Terms) { t.Parts = 2 }))
	r.declines(r.Details(id).Charges[1].ID, "do_not_honor", 0)
	r.live(start.AddDate(0, 0, 36))
	got := r.forecast(view.ForecastRequest{Plan: string(id), Decline: "do_not_honor"})
	branch := got.Charges[1].IfDeclined
	require.NotNil(t, branch)
	from := r.Now().Add(time.Millisecond)
	r.live(branch.Steps[len(branch.Steps)-1].At)
	r.settle()
	require.Equal(t, r.realSteps(id, from, all), forecastSteps(branch.Steps))
	require.Equal(t, billing.PlanDefaulted, branch.Plan)
}

// TestForecast_CountsDeclinesOfOtherPlans: Visa allows 20 declines of an amount in 30 days, over
// all of a merchant's plans.
func TestForecast_CountsDeclinesOfOtherPlans(t *testing.T) {
	t.Parallel()
	r := newReality(t)
	id := r.started(testbench.Terms(func(t *terms.Terms) { t.Parts = 2 }))
	other := r.Details(r.started(testbench.Terms(func(t *terms.Terms) { t.Reference, t.Parts, t.Every = "order-2", 2, "10 months" })))
	r.live(start.AddDate(0, 0, 28))
	card, err := r.store.Card(t.Context(), other.Plan.CardID)
	require.NoError(t, err)
	require.NoError(t, r.store.Update(t.Context(), func(tx billing.Tx) error {
		for n := range 19 {
			at := r.Now().Add(-time.Duration(n) * time.Hour)
			a := billing.Attempt{
				ID: billing.AttemptIDFor(other.Charges[1].ID, n+1, billing.InitiatorMerchant), ChargeID: other.Charges[1].ID, Number: n + 1, Initiator: billing.InitiatorMerchant,
				Outcome: billing.OutcomeDeclined, Fingerprint: string(card.CustomerID) + ":" + card.Fingerprint, CreatedAt: at, FinishedAt: at,
			}
			a.IdempotencyKey = string(a.ID)
			if err := tx.InsertAttempt(t.Context(), a); err != nil {
				return err
			}
		}
		return nil
	}))
	got := r.forecast(view.ForecastRequest{Plan: string(id)})
	steps := got.Charges[1].IfDeclined.Steps
	require.Contains(t, steps[0].Text, "deferred: 20 of 20 declines", "the retry is deferred because of declines in other plans")
	r.requireSameBranch(id, got, 2)
}

func TestForecast_StoppedPlan(t *testing.T) {
	t.Parallel()
	r := newReality(t)
	id := r.started(testbench.Terms(nil))
	quiet := operator.New(r.store, r.Now, billing.Rules{}).With(operator.Options{Quiet: true})
	_, err := quiet.Pause(t.Context(), id, "on holiday")
	require.NoError(t, err)
	got := r.forecast(view.ForecastRequest{Plan: string(id)})
	require.Empty(t, got.Timeline)
	require.Equal(t, billing.PlanPaused, got.EndStatus)
	require.Contains(t, got.Assumed, "the plan stays paused: nothing is charged until it is resumed")
	_, err = quiet.Cancel(t.Context(), id, "changed their mind")
	require.NoError(t, err)
	got = r.forecast(view.ForecastRequest{Plan: string(id)})
	require.Empty(t, got.Timeline)
	require.Equal(t, billing.PlanCanceled, got.EndStatus)
}

func TestForecast_ChargeOnRequest(t *testing.T) {
	t.Parallel()
	r := newReality(t)
	id := r.started(testbench.Terms(func(t *terms.Terms) {
		t.Kind, t.Parts, t.Every, t.Deposit, t.BalanceDue = billing.KindDeposit, 0, "", 20000, "2026-03-29"
	}))
	require.NoError(t, r.store.Update(t.Context(), func(tx billing.Tx) error {
		charges, err := tx.PlanCharges(t.Context(), id)
		if err != nil {
			return err
		}
		c := charges[1]
		c.DueAt, c.NextAttemptAt, c.ClaimAfter = time.Time{}, time.Time{}, time.Time{}
		return tx.UpdateCharge(t.Context(), c)
	}))
	got := r.forecast(view.ForecastRequest{Plan: string(id)})
	require.Empty(t, got.Timeline)
	require.Zero(t, got.Charges[1].DueAt)
	require.Equal(t, billing.ChargeScheduled, got.Charges[1].Expected)
	require.Equal(t, "due on request: it is charged when you collect it", got.Charges[1].Waits)
	require.Equal(t, billing.PlanActive, got.EndStatus)
}

func TestForecast_ExpiringCard(t *testing.T) {
	t.Parallel()
	r := newReality(t)
	id := r.startedWith(testbench.Terms(nil), stripesim.Card{Number: good, ExpMonth: 3, ExpYear: 2026})
	got := r.forecast(view.ForecastRequest{Plan: string(id), NoDeclines: true})
	i := slices.IndexFunc(got.Timeline, func(s view.ForecastStep) bool { return s.Notice == billing.NoticeCardExpiring })
	require.GreaterOrEqual(t, i, 0)
	require.Equal(t, "2026-03-02T00:00:00Z", got.Timeline[i].At.Format(time.RFC3339), "30 days before April")
	require.Equal(t, 360, got.Timeline[i].WithinMinutes)
}

func TestForecast_Horizon(t *testing.T) {
	t.Parallel()
	r := newReality(t)
	id := r.started(testbench.Terms(nil))
	got := r.forecast(view.ForecastRequest{Plan: string(id), NoDeclines: true, Horizon: "2026-03-31"})
	require.Equal(t, "2026-03-31T23:59:59.999+01:00", got.Horizon.In(billing.LoadLocation("Europe/London")).Format("2006-01-02T15:04:05.000Z07:00"))
	require.Equal(t, billing.ChargeSucceeded, got.Charges[2].Expected)
	require.Equal(t, billing.ChargeScheduled, got.Charges[3].Expected)
	require.Equal(t, billing.PlanActive, got.EndStatus)
}

func TestForecast_InvalidRequestNamesTheField(t *testing.T) {
	t.Parallel()
	r := newReality(t)
	r.started(testbench.Terms(nil))
	proposed, taken := testbench.Terms(func(t *terms.Terms) { t.Reference = "order-2" }), testbench.Terms(func(t *terms.Terms) { t.Total++ })
	faulty := testbench.Terms(func(t *terms.Terms) { t.Reference, t.Currency = "order-3", "xxx" })
	for field, req := range map[string]view.ForecastRequest{
		"plan":          {},
		"decline":       {Plan: "order-1", Decline: "no_mood"},
		"decline_times": {Plan: "order-1", DeclineTimes: 99},
		"horizon":       {Plan: "order-1", Horizon: "soon"},
		"currency":      {Terms: &faulty},
	} {
		_, err := r.forecaster().Forecast(t.Context(), req)
		var invalid *billing.InvalidError
		require.ErrorAs(t, err, &invalid, field)
		require.Equal(t, field, invalid.Fields[0].Field)
	}
	_, err := r.forecaster().Forecast(t.Context(), view.ForecastRequest{Plan: "order-1", Terms: &proposed})
	require.ErrorContains(t, err, "leave one of them out")
	_, err = r.forecaster().Forecast(t.Context(), view.ForecastRequest{Plan: "order-1", Horizon: "2025-12-31"})
	require.ErrorContains(t, err, "is past")
	_, err = r.forecaster().Forecast(t.Context(), view.ForecastRequest{Plan: "plan_nobody"})
	require.ErrorIs(t, err, billing.ErrNotFound)
	_, err = r.forecaster().Forecast(t.Context(), view.ForecastRequest{Terms: &taken})
	var reference *planning.ReferenceTakenError
	require.ErrorAs(t, err, &reference)
}

func TestForecast_CostBounds(t *testing.T) {
	t.Parallel()
	r := newReality(t)
	proposed := testbench.Terms(func(t *terms.Terms) { t.Parts = 4 })
	f := r.forecaster()
	f.Bound(20_000, 4) // one branch
	got, err := f.Forecast(t.Context(), view.ForecastRequest{Terms: &proposed})
	require.NoError(t, err)
	require.NotNil(t, got.Charges[1].IfDeclined)
	require.Nil(t, got.Charges[2].IfDeclined)
	require.Equal(t, []int{3, 4}, got.BranchesLeftOut)
	require.Equal(t, billing.PlanCompleted, got.EndStatus)
	f.Bound(10, 4)
	_, err = f.Forecast(t.Context(), view.ForecastRequest{Terms: &proposed})
	var invalid *billing.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, "horizon", invalid.Fields[0].Field)
}

func TestForecast_WaitsNoLongerThanItsCaller(t *testing.T) {
	t.Parallel()
	r := newReality(t)
	id := r.started(testbench.Terms(nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.forecaster().Forecast(ctx, view.ForecastRequest{Plan: string(id)})
	require.Error(t, err)
}

// BenchmarkForecast forecasts a plan of a year with a branch for every part.
func BenchmarkForecast(b *testing.B) {
	r := newReality(b)
	f, proposed := r.forecaster(), testbench.Terms(func(t *terms.Terms) { t.Parts = 12 })
	for b.Loop() {
		_, err := f.Forecast(b.Context(), view.ForecastRequest{Terms: &proposed})
		require.NoError(b, err)
	}
}
