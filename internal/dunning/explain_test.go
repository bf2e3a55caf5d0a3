package dunning_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

// owed is a charge that was declined with a code, as it stands in a status.
func owed(code string, status billing.ChargeStatus) dunning.Case {
	remind, final, deadline := policy.Milestones("chg_1", now, london)
	return dunning.Case{
		Now: now, Plan: billing.Plan{ID: "plan_1", Status: billing.PlanPastDue}, Customer: billing.Customer{TimeZone: "Europe/London"},
		Charge:   billing.Charge{ID: "chg_1", Status: status},
		Attempts: happened(declined(code), now).Attempts, Policy: policy, Card: billing.Card{Brand: "visa"},
		Dunning: billing.Dunning{
			ChargeID: "chg_1", Status: billing.DunningOpen, BeganAt: now, RemindAt: remind, FinalAt: final, DeadlineAt: deadline,
		},
		CardDeclines: []time.Time{now},
	}
}

func said(e dunning.Explanation) string {
	lines := []string{e.Why}
	for _, s := range append(e.Happened, e.Next...) {
		lines = append(lines, s.When+" "+s.Text)
	}
	return strings.Join(lines, "\n")
}

func TestExplainEachState(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		code   string
		status billing.ChargeStatus
		change func(c *dunning.Case)
		want   []string
		steps  int
	}{
		"waits for authentication": {"authentication_required", billing.ChargeRequiresAction, nil, []string{
			"the issuer wants the customer to authenticate", "Time changes nothing", "Sun 19 Apr 2026 09:", "The customer is reminded.",
			"The customer gets the final notice", "Sun 26 Apr 2026 09:", "its later charges wait until somebody resumes it",
		}, 3},
		"waits for a card": {"expired_card", billing.ChargeRequiresPaymentMethod, func(c *dunning.Case) { c.Policy.AtEnd = dunning.EndCancel },
			[]string{"with another card", "its later charges are canceled"}, 3},
		"tells no reason": {"stolen_card", billing.ChargeFailed, func(c *dunning.Case) { c.Policy.AtEnd = dunning.EndKeep },
			[]string{"reported stolen. The customer is told that it was declined, and not why.", "The customer can still pay it.", "the later charges are made as planned"}, 3},
		"is tried again": {"processing_error", billing.ChargeRetrying, func(c *dunning.Case) { c.Charge.NextAttemptAt = now.AddDate(0, 0, 1) },
			[]string{"had a fault", "Sat 28 Mar 2026 23:30 GMT It is tried again with the saved card."}, 3},
		"a paused plan": {"expired_card", billing.ChargeRequiresPaymentMethod, func(c *dunning.Case) { c.Plan.Status = billing.PlanPaused },
			[]string{"the deadline stands still until it is resumed"}, 3},
		"scheduled": {"", billing.ChargeScheduled, func(c *dunning.Case) {
			c.Attempts, c.Dunning, c.Charge.NextAttemptAt = nil, billing.Dunning{}, now.AddDate(0, 0, 3)
		}, []string{"Nothing failed.", "It falls due, and the saved card is charged."}, 1},
		"paid": {"expired_card", billing.ChargeSucceeded, func(c *dunning.Case) { c.Charge.PaidAt = now.Add(time.Hour) },
			[]string{"Nothing is owed.", "It was paid."}, 0},
	} {
		c := owed(tc.code, tc.status)
		if tc.change != nil {
			tc.change(&c)
		}
		e := dunning.Explain(c)
		for _, part := range tc.want {
			require.Contains(t, said(e), part, name)
		}
		require.Len(t, e.Next, tc.steps, name)
	}
}

func TestExplainShowsTheCountOfTheCaps(t *testing.T) {
	t.Parallel()
	c := owed("insufficient_funds", billing.ChargeRetrying)
	c.Card.Brand, c.CardDeclines = "mastercard", repeated(now, 7)
	e := dunning.Explain(c)
	require.Len(t, e.Caps, 2)
	require.Equal(t, "7 of 10 declines in 24 hours allowed by mastercard", e.Caps[0].Text)
	require.Equal(t, "7 of 35 declines in 30 days allowed by mastercard", e.Caps[1].Text)
}
