package billing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// TestPlan_CheckoutReminder: the reminder is due a day after the plan was created or halfway to its
// expiry, for a week or until the expiry.
func TestPlan_CheckoutReminder(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 2, 10, 9, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		own         time.Duration // expiry by the plan's own terms; 0: none
		days        int
		from, until time.Duration
	}{
		"never expires":                 {0, 0, 24 * time.Hour, 192 * time.Hour},
		"expires late":                  {0, 30, 24 * time.Hour, 192 * time.Hour},
		"expires within the week":       {0, 3, 24 * time.Hour, 72 * time.Hour},
		"expires in two days":           {0, 2, 24 * time.Hour, 48 * time.Hour},
		"expires in a day":              {0, 1, 12 * time.Hour, 24 * time.Hour},
		"its own expiry before setting": {2 * time.Hour, 30, time.Hour, 2 * time.Hour},
		"its own expiry after setting":  {60 * 24 * time.Hour, 1, 24 * time.Hour, 192 * time.Hour},
	} {
		p := billing.Plan{Status: billing.PlanAwaitingFirstPayment, CreatedAt: made}
		if tt.own != 0 {
			p.ExpiresAt = made.Add(tt.own)
		}
		from, until := p.CheckoutReminder(tt.days)
		require.Equal(t, tt.from, from.Sub(made), name)
		require.Equal(t, tt.until, until.Sub(made), name)
		require.False(t, p.RemindsOfCheckout(from.Add(-time.Second), tt.days), name)
		require.True(t, p.RemindsOfCheckout(from, tt.days), name)
		require.True(t, p.RemindsOfCheckout(until.Add(-time.Second), tt.days), name)
		require.False(t, p.RemindsOfCheckout(until, tt.days), name)
		p.ID = billing.NewPlanID(made)
		require.Less(t, billing.FirstWithCheckoutReminder(until.Add(-time.Second)), p.ID, name)
		for _, status := range billing.PlanStatuses() {
			p.Status = status
			require.Equal(t, status == billing.PlanAwaitingFirstPayment, p.RemindsOfCheckout(from, tt.days), "%s: %s", name, status)
		}
	}
}
