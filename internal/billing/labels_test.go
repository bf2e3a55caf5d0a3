package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func TestPlan_PaymentDescription(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind  billing.PlanKind
		terms string
		of    int
		want  string
		label string
	}{
		{billing.KindInstallments, `{"description": "Oak table"}`, 3, "Oak table (2 of 3)", "Oak table (order-1)"},
		{billing.KindInstallments, `{}`, 3, "order-1 (2 of 3)", "order-1"},
		{billing.KindRecurring, `{"description": "Gym"}`, 2, "Gym (2)", "Gym (order-1)"},
		{billing.KindDeferred, `{"description": "Dress"}`, 1, "Dress", "Dress (order-1)"},
		{billing.KindDeferred, `no JSON`, 1, "order-1", "order-1"},
	} {
		p := billing.Plan{Reference: "order-1", Kind: tc.kind, Terms: []byte(tc.terms)}
		require.Equal(t, tc.want, p.PaymentDescription(billing.Charge{Sequence: 2}, tc.of))
		require.Equal(t, tc.label, p.Label())
	}
}
