package planning_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/planning"
)

// TestCreate_StripeCustomerGone: the plan is created without a Stripe customer that does not exist,
// and the audit trail records its removal from the customer.
func TestCreate_StripeCustomerGone(t *testing.T) {
	eachEngine(t, func(b *bench) {
		_, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: termsOf("order-1")})
		require.NoError(b.t, err)
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
			c, err := tx.CustomerByReference(b.t.Context(), "ada")
			if err != nil {
				return err
			}
			c.StripeCustomer = "cus_gone"
			return tx.UpdateCustomer(b.t.Context(), c)
		}))
		created, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: termsOf("order-2")})
		require.NoError(b.t, err)
		require.Empty(b.t, created.Customer.StripeCustomer)
		trail, err := b.Store.AuditTrail(b.t.Context(), billing.AuditFilter{})
		require.NoError(b.t, err)
		var gone []billing.AuditEntry
		for _, e := range trail {
			if e.Action == "customer.stripe_customer_gone" {
				gone = append(gone, e)
			}
		}
		require.Len(b.t, gone, 1)
		require.Equal(b.t, created.Customer.ID, gone[0].CustomerID)
		require.Contains(b.t, gone[0].Message, "cus_gone")
	})
}
