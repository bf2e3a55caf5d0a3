package collect

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func TestInitiatorOf_UnrecordedPayment(t *testing.T) {
	t.Parallel()
	c := &billing.Charge{ID: "chg_1"}
	attempt := func(charge billing.ChargeID, number int, by billing.Initiator) string {
		return string(billing.AttemptIDFor(charge, number, by))
	}
	recorded := []billing.Attempt{{ID: billing.AttemptIDFor(c.ID, 1, billing.InitiatorMerchant)}}
	for name, tc := range map[string]struct {
		attempts []billing.Attempt
		metadata string
		want     billing.Initiator
	}{
		"no attempt in the metadata":     {want: billing.InitiatorCustomer},
		"a lost first attempt":           {metadata: attempt(c.ID, 1, billing.InitiatorMerchant), want: billing.InitiatorMerchant},
		"a lost second attempt":          {attempts: recorded, metadata: attempt(c.ID, 2, billing.InitiatorMerchant), want: billing.InitiatorMerchant},
		"a recorded attempt, paid again": {attempts: recorded, metadata: attempt(c.ID, 1, billing.InitiatorMerchant), want: billing.InitiatorCustomer},
		"a lost attempt by the customer": {metadata: attempt(c.ID, 1, billing.InitiatorCustomer), want: billing.InitiatorCustomer},
		"an attempt at another charge":   {metadata: attempt("chg_2", 1, billing.InitiatorMerchant), want: billing.InitiatorCustomer},
		"a number beyond all confirmations": {
			metadata: attempt(c.ID, confirmLimit+1, billing.InitiatorMerchant), want: billing.InitiatorCustomer,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pi := billing.PaymentIntent{Metadata: map[string]string{billing.MetaAttempt: tc.metadata}}
			require.Equal(t, tc.want, initiatorOf(tc.attempts, c, pi))
		})
	}
}
