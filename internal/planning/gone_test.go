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
	eachEngine(t, func(d *desk) {
		_, err := d.Create(d.t.Context(), planning.Request{Terms: termsOf("order-1")})
		require.NoError(d.t, err)
		require.NoError(d.t, d.store.Update(d.t.Context(), func(tx billing.Tx) error {
			c, err := tx.CustomerByReference(d.t.Context(), "ada")
			if err != nil {
				return err
			}
			c.StripeCustomer = "cus_gone"
			return tx.UpdateCustomer(d.t.Context(), c)
		}))
		created, err := d.Create(d.t.Context(), planning.Request{Terms: termsOf("order-2")})
		require.NoError(d.t, err)
		require.Empty(d.t, created.Customer.StripeCustomer)
		trail, err := d.store.AuditTrail(d.t.Context(), billing.AuditFilter{})
		require.NoError(d.t, err)
		var gone []billing.AuditEntry
		for _, e := range trail {
			if e.Action == "customer.stripe_customer_gone" {
				gone = append(gone, e)
			}
		}
		require.Len(d.t, gone, 1)
		require.Equal(d.t, created.Customer.ID, gone[0].CustomerID)
		require.Contains(d.t, gone[0].Message, "cus_gone")
	})
}
