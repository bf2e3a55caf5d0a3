package collect

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func TestCannotConfirm_EachReason(t *testing.T) {
	t.Parallel()
	c := billing.Charge{PaymentIntent: "pi_1", Amount: 1000, Currency: "EUR"}
	card := billing.Card{StripeCustomer: "cus_1"}
	declined := func(pi string) billing.Attempt {
		return billing.Attempt{PaymentIntent: pi, Outcome: billing.OutcomeDeclined, Params: billing.PaymentParams{PaymentIntent: pi}}
	}
	created := func(amount int64, customer string) billing.Attempt {
		return billing.Attempt{PaymentIntent: "pi_1", Outcome: billing.OutcomeDeclined, Params: billing.PaymentParams{Amount: amount, Currency: "EUR", Customer: customer}}
	}
	for name, tc := range map[string]struct {
		charge   billing.Charge
		attempts []billing.Attempt
		why      string // part of the reason; empty if the PaymentIntent can be confirmed
	}{
		"no PaymentIntent":        {charge: billing.Charge{}, attempts: []billing.Attempt{created(500, "cus_2")}},
		"no attempt":              {charge: c},
		"one decline":             {charge: c, attempts: []billing.Attempt{created(1000, "cus_1")}},
		"another amount":          {charge: c, attempts: []billing.Attempt{created(500, "cus_1")}, why: "the charge for"},
		"another customer's":      {charge: c, attempts: []billing.Attempt{created(1000, "cus_2")}, why: "Stripe customer cus_2"},
		"no customer":             {charge: c, attempts: []billing.Attempt{created(1000, "")}, why: "no Stripe customer"},
		"below the limit":         {charge: c, attempts: slices.Repeat([]billing.Attempt{declined("pi_1")}, confirmLimit-1)},
		"at the limit":            {charge: c, attempts: slices.Repeat([]billing.Attempt{declined("pi_1")}, confirmLimit), why: "confirmed 8 times"},
		"another's confirmations": {charge: c, attempts: slices.Repeat([]billing.Attempt{declined("pi_0")}, confirmLimit)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			why := cannotConfirm(&tc.charge, card, tc.attempts)
			if tc.why == "" {
				require.Empty(t, why)
				return
			}
			require.Contains(t, why, tc.why)
		})
	}
}
