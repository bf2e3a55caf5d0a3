package jobs_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// warnedCard is Stripe's test card whose payment is followed at once by an early fraud warning.
const warnedCard = "4000000000005423"

// firstThose moves the bodies of one type of event before the others.
func firstThose(bodies [][]byte, kind string) [][]byte {
	var first, rest [][]byte
	for _, body := range bodies {
		if bytes.Contains(body, []byte(`"type":"`+kind+`"`)) || bytes.Contains(body, []byte(`"type": "`+kind+`"`)) {
			first = append(first, body)
			continue
		}
		rest = append(rest, body)
	}
	return slices.Concat(first, rest)
}

// TestFraudWarning_BeforeThePayment: Stripe sends the warning within a second of the payment, so
// its event may come first or alone.
func TestFraudWarning_BeforeThePayment(t *testing.T) {
	const kind = "radar.early_fraud_warning.created"
	pays := map[string]func(b *bench) billing.PlanID{
		"a plan by the API": func(b *bench) billing.PlanID {
			p := b.Plan(nil)
			require.NoError(b.t, b.PayFirst(p, warnedCard))
			b.handleInOrder(firstThose(b.Arrived(), kind))
			return p.Plan.ID
		},
		"a plan by metadata": func(b *bench) billing.PlanID {
			if b.Account != "" {
				return ""
			}
			made := b.post("/v1/payment_intents", "amount", "25000", "currency", "usd", "payment_method_types[]", "card", "setup_future_usage", "off_session",
				"metadata[tranche_kind]", "installments", "metadata[tranche_total]", "100000", "metadata[tranche_parts]", "4",
				"metadata[tranche_every]", "1 month", "metadata[tranche_reference]", "order-9", "metadata[tranche_email]", "ada@example.com")
			require.NoError(b.t, b.Pay(billing.Secret(made["client_secret"].(string)), stripesim.PaymentDetails{Card: &stripesim.Card{Number: warnedCard}, SetupFutureUsage: "off_session"}))
			b.handleInOrder(firstThose(b.Arrived(), kind))
			plan, err := b.Store.PlanByReference(b.t.Context(), "order-9")
			require.NoError(b.t, err)
			return plan.ID
		},
	}
	for name, pay := range pays {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				id := pay(b)
				if id == "" {
					return
				}
				d := b.Details(id)
				require.Equal(b.t, billing.ChargeSucceeded, d.Charges[0].Status)
				require.Equal(b.t, billing.PlanPaused, d.Plan.Status)
				b.Settle()
				b.Advance(40)
				require.Equal(b.t, billing.ChargeScheduled, b.Charge(id, 2).Status)
			})
		})
	}
}

// handleInOrder stores and handles events one by one.
func (b *bench) handleInOrder(bodies [][]byte) {
	b.t.Helper()
	for _, body := range bodies {
		b.TakeIn(body)
		b.hearAll()
	}
}

// TestEvent_AboutSomethingUnknown: the event is handled again when a plan, a customer or a card
// names its object.
func TestEvent_AboutSomethingUnknown(t *testing.T) {
	eachEngine(t, func(b *bench) {
		cus := b.post("/v1/customers")["id"].(string)
		made := b.post("/v1/payment_methods", "type", "card", "card[number]", otherCard, "card[exp_month]", "12", "card[exp_year]", "2034", "card[cvc]", "123")
		attached := made["id"].(string)
		b.post("/v1/payment_methods/"+attached+"/attach", "customer", cus)
		b.giveByIntent(good, "customer", cus, "metadata[tranche_customer]", "grace")
		b.Settle()
		_, err := b.Store.CardByPaymentMethod(b.t.Context(), attached)
		require.ErrorIs(b.t, err, billing.ErrNotFound)

		b.SetNow(b.Now().Add(time.Hour))
		p := b.Plan(func(t *terms.Terms) { t.Customer.Reference, t.Customer.StripeCustomer = "grace", cus })
		require.NoError(b.t, b.PayFirst(p, good))
		b.Settle()
		card, err := b.Store.CardByPaymentMethod(b.t.Context(), attached)
		require.NoError(b.t, err)
		require.Equal(b.t, b.Details(p.Plan.ID).Customer.ID, card.CustomerID)
		require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status)
	})
}

// TestFraudWarning_OfAPaymentThatIsImportedLater: the plan of a payment is created a day after the
// warning.
func TestFraudWarning_OfAPaymentThatIsImportedLater(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		made := b.post("/v1/payment_intents", "amount", "25000", "currency", "usd", "payment_method_types[]", "card", "customer", b.StripeCustomer(p.Plan.ID))
		require.NoError(b.t, b.Pay(billing.Secret(made["client_secret"].(string)), stripesim.PaymentDetails{Card: &stripesim.Card{Number: warnedCard}}))
		b.Settle()
		require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status)
		b.SetNow(b.Now().Add(24 * time.Hour))
		plan := b.Details(p.Plan.ID).Plan
		plan.ID, plan.Reference, plan.Version, plan.Total, plan.CreatedAt = billing.NewPlanID(b.Now()), "order-2", 0, 50000, b.Now()
		paid := billing.Charge{
			ID: billing.NewChargeID(b.Now()), PlanID: plan.ID, CustomerID: plan.CustomerID, Sequence: 1, Amount: 25000, Currency: "usd",
			PaymentIntent: made["id"].(string), Status: billing.ChargeSucceeded, DueAt: b.Now(), PaidAt: b.Now(), CreatedAt: b.Now(), UpdatedAt: b.Now(),
		}
		next := paid
		next.ID, next.Sequence, next.PaymentIntent, next.Status, next.PaidAt = billing.NewChargeID(b.Now()), 2, "", billing.ChargeScheduled, time.Time{}
		next.DueAt = b.Now().AddDate(0, 1, 0)
		next.NextAttemptAt, next.ClaimAfter = next.DueAt, next.DueAt
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
			return tx.InsertPlan(b.t.Context(), plan, []billing.Charge{paid, next})
		}))
		b.Settle()
		require.Equal(b.t, billing.PlanPaused, b.Details(plan.ID).Plan.Status)
	})
}
