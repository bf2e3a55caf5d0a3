package jobs_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/backfill"
	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/reconcile"
	"tranche/internal/stripeevents"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// TestTheTroubleOfAConnectedAccountStaysInIt makes all calls in the connected account: a decline
// with its retries, an authentication, a lost answer, a new card, a refund, a dispute, an open
// payment that is canceled and a card that is removed.
func TestTheTroubleOfAConnectedAccountStaysInIt(t *testing.T) {
	onConnected(t, func(b *bench) {
		declined := b.failedOnce("insufficient_funds", nil)
		b.newCard(declined, otherCard)
		b.Advance(40)
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(declined, 3).Status)
		require.Equal(b.t, b.Account, b.cardOf(declined).Account)
		require.Empty(b.t, b.Details(declined).Customer.StripeCustomer, "who they are in the account is no business of the platform's")

		again := b.Plan(func(t *terms.Terms) {
			t.Reference = "order-2"
			t.Connect = &billing.Connect{ApplicationFeePercent: "10"}
		})
		require.Equal(b.t, b.StripeCustomer(declined), again.FirstPayment.Customer, "one Stripe customer in the account")
		require.NoError(b.t, b.PayFirst(again, authAlways))
		b.Settle()
		b.loseAnswer()
		b.Advance(32)
		c := b.Charge(again.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeRequiresAction, c.Status)
		_, err := b.Operator().CancelAndRefund(b.t.Context(), again.Plan.ID, "")
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, "canceled", b.intentOf(c).Status)
		require.Equal(b.t, billing.ChargeRefunded, b.Charge(again.Plan.ID, 1).Status)
		_, err = b.Sim.Dispute(b.Charge(declined, 1).PaymentIntent, "fraudulent")
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, billing.ChargeDisputed, b.Charge(declined, 1).Status)

		card := b.cardOf(again.Plan.ID)
		_, err = b.Operator().RemoveCard(b.t.Context(), card.ID, "")
		require.NoError(b.t, err)
		require.Equal(b.t, 1, b.detach(b.Gateway))
		require.Empty(b.t, b.atStripe(card.PaymentMethod))

		fees := 0
		for _, raw := range b.Sim.PaymentIntents() {
			var pi connected
			require.NoError(b.t, json.Unmarshal(raw, &pi))
			require.Nil(b.t, pi.TransferData)
			if pi.Fee != nil {
				fees++
				require.Equal(b.t, pi.Amount/10, *pi.Fee)
			}
		}
		require.Equal(b.t, 2, fees)
		_, found := b.reconcile(60)
		require.Empty(b.t, found)
	})
}

// TestWhatNoWebhookBroughtOfAConnectedAccountIsFetchedThere: backfill and reconciliation cover
// every account that plans name. An account that revoked its access does not prevent the others
// from being covered.
func TestWhatNoWebhookBroughtOfAConnectedAccountIsFetchedThere(t *testing.T) {
	onConnected(t, func(b *bench) {
		b.Platform.Connect("acct_1Gone")
		var gone planning.Created
		b.as("acct_1Gone", func() {
			gone = b.Plan(func(t *terms.Terms) { t.Reference = "gone"; t.Customer.Reference = "grace" })
		})
		b.Platform.Disconnect("acct_1Gone")

		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDrop}))
		p := b.Plan(nil)
		require.NoError(b.t, b.PayFirst(p, good))
		b.Arrived()
		b.SetNow(b.Now().Add(time.Hour))
		summary, found := b.reconcile(1)
		require.Equal(b.t, []reconcile.Kind{reconcile.SucceededNotHere}, kinds(found))
		require.Equal(b.t, b.Account, found[0].Account)
		require.Equal(b.t, []string{"acct_1Gone"}, summary.Refused)
		b.RunDue()
		require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status)
		require.Equal(b.t, billing.PlanAwaitingFirstPayment, b.Details(gone.Plan.ID).Plan.Status)

		require.NoError(b.t, b.PayFirst(b.Plan(func(t *terms.Terms) { t.Reference = "order-2" }), good))
		counts, err := backfill.Run(b.t.Context(), b.record(), b.ledger(), backfill.Options{Now: b.Now, Types: stripeevents.Types()})
		require.NoError(b.t, err)
		require.Positive(b.t, counts.New)
		require.Equal(b.t, []string{"acct_1Gone"}, counts.Refused)
		b.RunDue()
		plan, err := b.Store.PlanByReference(b.t.Context(), "order-2")
		require.NoError(b.t, err)
		require.Equal(b.t, billing.PlanActive, plan.Status)
	})
}

// TestOneAccountCanNotPayForAnother: the owner of a connected account can write any metadata there.
// A payment or a card that names another account's plan does not count for that plan, and no plan
// is created from it.
func TestOneAccountCanNotPayForAnother(t *testing.T) {
	eachEngine(t, func(b *bench) {
		villa := "acct_1Villa"
		p := b.Started(good, nil)
		waits := b.Plan(func(t *terms.Terms) { t.Reference, t.Starts = "order-2", "2026-01-31" })
		b.Platform.Connect(villa)
		b.Platform.AddWebhook(stripesim.WebhookEndpoint{URL: b.Arrivals, Secret: "whsec_test", Connect: true})
		paid := b.Charge(p.Plan.ID, 2)
		b.as(villa, func() {
			b.post("/v1/payment_intents", "amount", "25000", "currency", "usd", "confirm", "true", "payment_method", "pm_card_visa",
				"payment_method_types[]", "card", "metadata["+billing.MetaCharge+"]", string(paid.ID), "metadata["+billing.MetaPlan+"]", string(p.Plan.ID))
			b.post("/v1/payment_intents", "amount", "5000", "currency", "usd", "confirm", "true", "payment_method", "pm_card_visa",
				"payment_method_types[]", "card", "metadata[tranche_kind]", "deposit", "metadata[tranche_reference]", "smuggled", "metadata[tranche_total]", "9000",
				"metadata[tranche_balance_due]", "2026-03-01", "metadata[tranche_customer]", "ada")
			at := b.post("/v1/customers")["id"].(string)
			b.post("/v1/setup_intents", "customer", at, "usage", "off_session", "payment_method_types[]", "card", "confirm", "true",
				"payment_method", "pm_card_visa", "metadata["+billing.MetaPlan+"]", string(waits.Plan.ID), "metadata["+billing.MetaCustomer+"]", "ada")
		})
		b.Settle()

		require.Equal(b.t, paid, b.Charge(p.Plan.ID, 2))
		_, err := b.Store.PlanByReference(b.t.Context(), "smuggled")
		require.ErrorIs(b.t, err, billing.ErrNotFound)
		require.Equal(b.t, billing.PlanAwaitingFirstPayment, b.Details(waits.Plan.ID).Plan.Status)
		require.Empty(b.t, b.cardOf(p.Plan.ID).Account)
		ignored := 0
		for _, e := range b.heard() {
			require.NotEqual(b.t, billing.EventFailed, e.Status)
			if e.Account == villa && e.Status == billing.EventIgnored {
				ignored++
			}
		}
		require.Greater(b.t, ignored, 2)

		b.Advance(32)
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status, "it was charged for itself")
	})
}

func TestACustomerDeletedInAConnectedAccountGetsANewOneThere(t *testing.T) {
	for name, told := range map[string]bool{"an event tells": true, "nobody tells": false} {
		t.Run(name, func(t *testing.T) {
			onConnected(t, func(b *bench) {
				p := b.Started(good, nil)
				was := b.StripeCustomer(p.Plan.ID)
				require.NotEmpty(b.t, was)
				b.request(http.MethodDelete, "/v1/customers/"+was, nil)
				if bodies := b.Arrived(); told {
					b.TakeIn(bodies...)
					b.Settle()
				}
				next := b.Plan(func(t *terms.Terms) { t.Reference = "order-2" })
				require.NoError(b.t, b.PayFirst(next, otherCard))
				b.Settle()
				require.NotEqual(b.t, was, b.StripeCustomer(next.Plan.ID))
				require.NotEmpty(b.t, b.StripeCustomer(next.Plan.ID))
				require.Equal(b.t, billing.PlanActive, b.Details(next.Plan.ID).Plan.Status)
			})
		})
	}
}

// TestTheCustomerThatAConnectedAccountHasAlreadyIsNamed: by the card that is saved there, or by its
// id.
func TestTheCustomerThatAConnectedAccountHasAlreadyIsNamed(t *testing.T) {
	onConnected(t, func(b *bench) {
		at := b.post("/v1/customers")["id"].(string)
		si := b.post("/v1/setup_intents", "customer", at, "usage", "off_session", "payment_method_types[]", "card")
		b.setUp(billing.Secret(si["client_secret"].(string)), good)
		pm := b.request(http.MethodGet, "/v1/setup_intents/"+si["id"].(string), nil)["payment_method"].(string)
		p := b.Plan(func(t *terms.Terms) { t.Card = pm })
		require.Equal(b.t, billing.PlanActive, p.Plan.Status)
		require.Equal(b.t, at, b.StripeCustomer(p.Plan.ID))
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 1).Status)

		other := b.post("/v1/customers")["id"].(string)
		grace := b.Plan(func(t *terms.Terms) {
			t.Reference, t.Customer.Reference, t.Customer.StripeCustomer, t.Starts = "order-2", "grace", other, "2026-02-01"
		})
		require.Equal(b.t, other, b.request(http.MethodGet, "/v1/setup_intents/"+grace.Setup.ID, nil)["customer"])
		b.setUp(grace.Setup.ClientSecret, otherCard)
		b.Settle()
		require.Equal(b.t, other, b.StripeCustomer(grace.Plan.ID))
		require.Equal(b.t, billing.PlanActive, b.Details(grace.Plan.ID).Plan.Status)
		_, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: terms.Terms{
			Reference: "order-3", Kind: billing.KindDeferred, Currency: "usd", Total: 900, Due: "2026-03-01", Account: b.Account, Customer: terms.Customer{Reference: "grace", StripeCustomer: at},
		}})
		require.ErrorContains(b.t, err, "but the customer is "+other+" at Stripe")
	})
}
