//go:build !race

package forecast_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/terms"
	"tranche/internal/testbench"
	"tranche/internal/view"
)

func TestForecast_MatchesTheRealRun(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*terms.Terms){
		"instalments": func(t *terms.Terms) { t.Parts = 3 },
		"list in yen": func(t *terms.Terms) {
			t.Currency, t.Total, t.Parts, t.Every = "jpy", 0, 0, ""
			t.Charges = []terms.Charge{{Amount: 5000}, {Amount: 7000, Due: "2026-02-03"}, {Amount: 100, Due: "2026-02-04"}}
			t.Customer.Locale, t.Customer.TimeZone = "ja-JP", "Asia/Tokyo"
		},
		"deposit": func(t *terms.Terms) {
			t.Kind, t.Parts, t.Every, t.Deposit, t.BalanceDue = billing.KindDeposit, 0, "", 20000, "2026-03-29"
		},
		"recurring, three times": func(t *terms.Terms) { t.Kind, t.Total, t.Amount, t.Parts = billing.KindRecurring, 0, 1900, 3 },
		"recurring after a trial, until a date": func(t *terms.Terms) {
			t.Kind, t.Total, t.Parts, t.Amount, t.Trial, t.Every, t.Until = billing.KindRecurring, 0, 0, 1900, "10 days", "2 weeks", "2026-04-30"
		},
		"deferred, before a date": func(t *terms.Terms) {
			t.Kind, t.Parts, t.Every, t.Due = billing.KindDeferred, 0, "", "2 weeks before 2026-04-30"
		},
		"the first part later, off weekends": func(t *terms.Terms) {
			t.Parts, t.Starts, t.BusinessDay = 3, "2026-01-31", calendar.BusinessDayFollowing
		},
		"without an address": func(t *terms.Terms) { t.Customer.Email, t.Parts = "", 2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReality(t)
			id := r.started(testbench.Terms(change))
			got := r.forecast(view.ForecastRequest{Plan: string(id), NoDeclines: true})
			require.False(t, got.Proposed)
			require.Equal(t, billing.PlanCompleted, got.EndStatus)
			r.requireSameRun(id, got)
		})
	}
}

func TestBranch_MatchesTheRealRunAfterADecline(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code  string
		times int
		parts int
		every string
	}{
		{"insufficient_funds", 0, 3, "1 week"},
		{"insufficient_funds", 1, 2, "1 month"},
		{"authentication_required", 0, 2, "1 month"},
		{"stolen_card", 0, 3, "2 weeks"},
		{"revocation_of_all_authorizations", 0, 2, "1 month"},
	} {
		t.Run(fmt.Sprintf("%s %d times", c.code, c.times), func(t *testing.T) {
			t.Parallel()
			r := newReality(t)
			id := r.started(testbench.Terms(func(t *terms.Terms) { t.Parts, t.Every = c.parts, c.every }))
			got := r.forecast(view.ForecastRequest{Plan: "order-1", Decline: c.code, DeclineTimes: c.times})
			r.requireSameBranch(id, got, 2)
		})
	}
}

// TestForecast_RandomPlansMatch draws terms, a charge and how it is declined. Each case is a whole
// plan over HTTP, so there are few.
func TestForecast_RandomPlansMatch(t *testing.T) {
	t.Parallel()
	for seed := range 3 {
		d := rapid.Custom(draw).Example(seed)
		t.Run(fmt.Sprintf("%s, %d of %d, %s %d times", d.zone, d.declined, d.parts, d.code, d.times), func(t *testing.T) {
			t.Parallel()
			r := newReality(t)
			r.SetNow(d.made)
			id := r.started(testbench.Terms(func(t *terms.Terms) {
				t.Parts, t.Total, t.Every, t.Customer.TimeZone = d.parts, d.total, d.every, d.zone
			}))
			got := r.forecast(view.ForecastRequest{Plan: string(id), Decline: d.code, DeclineTimes: d.times})
			r.requireSameBranch(id, got, d.declined)
		})
	}
}

// TestForecast_ProposedPlansMatch compares the forecast of proposed terms with the forecast of the
// plan that is then created, once its customer has done what the plan waits for.
func TestForecast_ProposedPlansMatch(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*terms.Terms){
		"recurring after a trial": func(t *terms.Terms) {
			t.Kind, t.Total, t.Parts, t.Amount, t.Trial = billing.KindRecurring, 0, 2, 1900, "10 days"
		},
		"deferred until it is asked for":  func(t *terms.Terms) { t.Kind, t.Parts, t.Every, t.Due = billing.KindDeferred, 0, "", "on request" },
		"recurring, with no last payment": func(t *terms.Terms) { t.Kind, t.Total, t.Parts, t.Amount = billing.KindRecurring, 0, 0, 1900 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReality(t)
			wanted := testbench.Terms(change)
			proposed := r.forecast(view.ForecastRequest{Terms: &wanted, NoDeclines: true, Horizon: "2026-12-31"})
			require.True(t, proposed.Proposed)
			r.started(wanted)
			got := r.forecast(view.ForecastRequest{Plan: "order-1", NoDeclines: true, Horizon: "2026-12-31"})
			require.Equal(t, got.EndStatus, proposed.EndStatus)
			require.Len(t, proposed.Charges, len(got.Charges))
			for i, c := range got.Charges {
				p := proposed.Charges[i]
				require.Equal(t, []any{c.Amount, c.DueAt, c.Expected, c.Waits}, []any{p.Amount, p.DueAt, p.Expected, p.Waits})
			}
		})
	}
}
