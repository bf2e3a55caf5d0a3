package jobs_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// TestDescription_PaymentsAndMails follows a plan's description to every PaymentIntent and mail.
func TestDescription_PaymentsAndMails(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Description, t.Parts = "Oak table", 3 })
		b.Advance(70)
		require.Equal(b.t, billing.PlanCompleted, b.Details(p.Plan.ID).Plan.Status)
		var described []string
		for _, raw := range b.Sim.PaymentIntents() {
			var pi struct{ Description string }
			require.NoError(b.t, json.Unmarshal(raw, &pi))
			described = append(described, pi.Description)
		}
		slices.Sort(described)
		require.Equal(b.t, []string{"Oak table (1 of 3)", "Oak table (2 of 3)", "Oak table (3 of 3)"}, described)
		notices, err := b.Store.Notices(b.t.Context(), billing.NoticeFilter{Plan: p.Plan.ID})
		require.NoError(b.t, err)
		require.NotEmpty(b.t, notices)
		for _, n := range notices {
			require.Contains(b.t, n.Body, "Oak table (order-1)", "%s", n.Kind)
		}
	})
}
