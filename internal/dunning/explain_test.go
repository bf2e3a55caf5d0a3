package dunning_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

// owed returns a charge that was declined with a code and is in the given status.
func owed(code string, status billing.ChargeStatus) dunning.Facts {
	remind, final, deadline := policy.Milestones("chg_1", now, london)
	return dunning.Facts{
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

func TestExplain_EachStatus(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		code   string
		status billing.ChargeStatus
		change func(c *dunning.Facts)
		want   []string
		steps  int
	}{
		"waits for authentication": {"authentication_required", billing.ChargeRequiresAction, nil, []string{
			"the issuer wants the customer to authenticate", "Time changes nothing", "Sun 19 Apr 2026 09:", "The customer is reminded.",
			"The customer gets the final notice", "Sun 26 Apr 2026 23:59", "its later charges wait until the plan is resumed",
		}, 3},
		"waits for a card": {"expired_card", billing.ChargeRequiresPaymentMethod, func(c *dunning.Facts) { c.Policy.AtEnd = dunning.EndCancel },
			[]string{"with another card", "its later charges are canceled"}, 3},
		"the customer sees no reason": {"stolen_card", billing.ChargeFailed, func(c *dunning.Facts) { c.Policy.AtEnd = dunning.EndKeep },
			[]string{"reported stolen. The customer sees that it was declined, and not why.", "The customer can still pay it.", "the later charges are made as planned"}, 3},
		"is tried again": {"processing_error", billing.ChargeRetrying, func(c *dunning.Facts) { c.Charge.NextAttemptAt = now.AddDate(0, 0, 1) },
			[]string{"had a fault", "Sat 28 Mar 2026 23:30 GMT It is tried again with the saved card."}, 3},
		"a paused plan": {"expired_card", billing.ChargeRequiresPaymentMethod, func(c *dunning.Facts) { c.Plan.Status = billing.PlanPaused },
			[]string{"the deadline is suspended until it is resumed"}, 3},
		"scheduled": {"", billing.ChargeScheduled, func(c *dunning.Facts) {
			c.Attempts, c.Dunning, c.Charge.NextAttemptAt = nil, billing.Dunning{}, now.AddDate(0, 0, 3)
		}, []string{"Nothing failed.", "It falls due, and the saved card is charged."}, 1},
		"paid": {"expired_card", billing.ChargeSucceeded, func(c *dunning.Facts) { c.Charge.PaidAt = now.Add(time.Hour) },
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

func TestExplain_CapUse(t *testing.T) {
	t.Parallel()
	c := owed("insufficient_funds", billing.ChargeRetrying)
	c.Card.Brand, c.CardDeclines = "mastercard", repeated(now, 7)
	e := dunning.Explain(c)
	require.Len(t, e.Caps, 2)
	require.Equal(t, "7 of 10 declines in 24 hours allowed by mastercard", e.Caps[0].Text)
	require.Equal(t, "7 of 35 declines in 30 days allowed by mastercard", e.Caps[1].Text)
}

func TestExplain_BackupCard(t *testing.T) {
	t.Parallel()
	c := owed("expired_card", billing.ChargeSucceeded)
	backup := c.Attempts[0]
	backup.Number, backup.Outcome, backup.Failure, backup.Params.PaymentMethod = 2, billing.OutcomeSucceeded, billing.Failure{}, "pm_2"
	again := backup
	again.Number = 3
	c.Attempts = append(c.Attempts, backup, again)
	require.Contains(t, said(dunning.Explain(c)), "Attempt 2. Tranche tried another card of the customer's: paid.")
	require.Contains(t, said(dunning.Explain(c)), "Attempt 3. Tranche tried another card of the customer's: paid.")

	first := owed("expired_card", billing.ChargeRetrying) // the plan's card is gone, and the backup card is tried first
	first.Attempts[0].Params.PaymentMethod, first.Backup = "pm_2", billing.Card{ID: "card_2", PaymentMethod: "pm_2"}
	first.Charge.NextAttemptAt = now.AddDate(0, 0, 1)
	require.Contains(t, said(dunning.Explain(first)), "Attempt 1. Tranche tried another card of the customer's:")
	require.Contains(t, said(dunning.Explain(first)), "It is tried again with another card of the customer's.")
	require.NotContains(t, said(dunning.Explain(first)), "the saved card")
}

func TestExplain_MerchantsFault(t *testing.T) {
	t.Parallel()
	c := owed("invalid_amount", billing.ChargeFailed)
	c.Dunning.HeldAt = now
	e := dunning.Explain(c)
	require.Contains(t, e.Why, "The customer gets no notice, and the deadline is suspended.")
	require.Empty(t, e.Next, "no reminder, final notice or end is planned")
}
