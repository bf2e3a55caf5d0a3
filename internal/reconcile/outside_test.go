package reconcile

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func TestWhatWasPaidOutsideIsNoDifferenceUnlessStripeWasPaidToo(t *testing.T) {
	t.Parallel()
	c := charge(billing.ChargeSucceeded)
	c.PaidOutside = true
	never := c
	never.PaymentIntent = ""
	require.Empty(t, compareMissing(never))
	require.Equal(t, []string{string(MissingThere)}, kindsOf(compareMissing(c)), "it was there once")
	for _, there := range []billing.IntentStatus{billing.IntentCanceled, billing.IntentRequiresPaymentMethod, billing.IntentRequiresAction} {
		require.Empty(t, compareCharge(c, payment(there, nil)), there)
	}
	require.Equal(t, []string{string(SucceededNotHere) + " by " + eventSucceeded}, kindsOf(compareCharge(c, payment(billing.IntentSucceeded, nil))))
}
