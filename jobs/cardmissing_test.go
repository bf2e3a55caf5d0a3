package jobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
)

// adopted pays a PaymentIntent of the merchant's own with tranche_* metadata, and returns the plan
// that is created from it.
func (b *bench) adopted(usage string) billing.Plan {
	b.t.Helper()
	fields := []string{
		"amount", "25000", "currency", "usd", "payment_method_types[]", "card", "metadata[tranche_kind]", "installments", "metadata[tranche_total]", "100000",
		"metadata[tranche_parts]", "4", "metadata[tranche_every]", "1 month", "metadata[tranche_reference]", "order-9", "metadata[tranche_email]", "ada@example.com",
		"metadata[tranche_customer]", "ada",
	}
	if usage != "" {
		fields = append(fields, "setup_future_usage", usage)
	}
	made := b.post("/v1/payment_intents", fields...)
	secret := billing.Secret(made["client_secret"].(string))
	require.NoError(b.t, b.Pay(secret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}, SetupFutureUsage: usage}))
	b.Settle()
	plan, err := b.Store.PlanByReference(b.t.Context(), "order-9")
	require.NoError(b.t, err)
	return plan
}

// incidentKinds lists the kinds of the open incidents of a plan.
func (b *bench) incidentKinds(id billing.PlanID) (kinds []billing.IncidentKind) {
	b.t.Helper()
	open, err := b.Store.OpenIncidents(b.t.Context(), id)
	require.NoError(b.t, err)
	for _, i := range open {
		kinds = append(kinds, i.Kind)
	}
	return kinds
}

// TestFirstPayment_CardNotSaved: an incident reports it to the merchant at once, and the customer
// is asked for a card before the next charge.
func TestFirstPayment_CardNotSaved(t *testing.T) {
	eachEngine(t, func(b *bench) {
		if b.Account != "" {
			return // plans there are created only by the API
		}
		plan := b.adopted("")
		require.Equal(b.t, billing.PlanActive, plan.Status)
		require.Empty(b.t, plan.CardID)
		require.Equal(b.t, []billing.IncidentKind{billing.IncidentCardMissing}, b.incidentKinds(plan.ID))
		asked := b.noticesOfKind(plan.ID, billing.NoticeCardNeeded)
		require.Len(b.t, asked, 1)
		require.Contains(b.t, asked[0].Body, "Please give us a card")
		b.hear("evt_again", "payment_intent.succeeded", b.Charge(plan.ID, 1).PaymentIntent)
		b.Settle()
		require.Len(b.t, b.noticesOfKind(plan.ID, billing.NoticeCardNeeded), 1)

		b.giveByIntent(otherCard, "metadata[tranche_customer]", "ada", "metadata[tranche_plan]", string(plan.ID))
		b.Settle()
		require.Empty(b.t, b.incidentKinds(plan.ID))
		b.Advance(100)
		require.Equal(b.t, billing.PlanCompleted, b.Details(plan.ID).Plan.Status)
	})
}

// TestAdoption_SavedOnSession: the plan is created, and the merchant is warned.
func TestAdoption_SavedOnSession(t *testing.T) {
	for usage, want := range map[string][]billing.IncidentKind{"on_session": {billing.IncidentSavedOnSession}, "off_session": nil} {
		t.Run(usage, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				if b.Account != "" {
					return
				}
				plan := b.adopted(usage)
				require.Equal(b.t, billing.PlanActive, plan.Status)
				require.Equal(b.t, want, b.incidentKinds(plan.ID))
			})
		})
	}
}
