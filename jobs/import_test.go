package jobs_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/importing"
)

// TestAnImportedPlanIsCharged imports a plan from a file and simulates it until its last charge, on
// the card that it already has at Stripe.
func TestAnImportedPlanIsCharged(t *testing.T) { eachEngine(t, (*bench).imports) }

// TestAnImportedPlanOfAConnectedAccountIsChargedThere is the same in a connected account.
func TestAnImportedPlanOfAConnectedAccountIsChargedThere(t *testing.T) {
	onConnected(t, (*bench).imports)
}

func (b *bench) imports() {
	at := b.post("/v1/customers")["id"].(string)
	si := b.post("/v1/setup_intents", "customer", at, "usage", "off_session", "payment_method_types[]", "card")
	b.setUp(billing.Secret(si["client_secret"].(string)), good)
	pm := b.request(http.MethodGet, "/v1/setup_intents/"+si["id"].(string), nil)["payment_method"].(string)
	file := "reference,kind,currency,paid,charges,customer,email,timezone,stripe_customer,card,account\n" +
		fmt.Sprintf("order-7,installments,usd,33334,33333 2026-02-05; 33333 2026-03-05,ada,ada@example.com,Europe/London,%s,%s,%s\n", at, pm, b.Account)
	store, ok := b.Store.(importing.Store)
	require.True(b.t, ok)
	im := importing.New(store, importing.Options{
		Now: b.Now, Rules: billing.Rules{ChargeTime: morning}, Cards: b.Gateway,
		Fault: func(f importing.Fault) error { return fmt.Errorf("line %d: %s %s", f.Line, f.Field, f.Message) },
	})
	lines, err := importing.NewReader(strings.NewReader(file))
	require.NoError(b.t, err)
	sum, err := im.Import(b.t.Context(), lines)
	require.NoError(b.t, err)
	require.EqualValues(b.t, 1, sum.New)

	b.Advance(60)
	plan, err := b.Store.PlanByReference(b.t.Context(), "order-7")
	require.NoError(b.t, err)
	d := b.Details(plan.ID)
	require.Equal(b.t, "completed | 33334 succeeded 01-15 | 33333 succeeded 02-05 | 33333 succeeded 03-05", ledgerOf(d))
	require.Equal(b.t, time.Date(2026, 2, 5, 9, 0, 0, 0, time.UTC), d.Charges[1].DueAt)
	count, sumAtStripe := b.Succeeded()
	require.Equal(b.t, 2, count, "an amount paid before the import is not charged")
	require.EqualValues(b.t, 66666, sumAtStripe)
	require.Equal(b.t, at, b.StripeCustomer(plan.ID))
}
