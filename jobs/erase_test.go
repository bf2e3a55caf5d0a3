package jobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// TestWhatStripeTellsLaterBringsNoErasedCustomerBack simulates a plan, erases its customer, and
// sends later events about the customer: a dispute of a payment, and another card.
func TestWhatStripeTellsLaterBringsNoErasedCustomerBack(t *testing.T) {
	eachEngine(t, func(b *bench) {
		ctx := b.t.Context()
		p := b.Started(good, nil)
		other := b.Started(good, func(t *terms.Terms) {
			t.Reference, t.Customer.Reference, t.Customer.Email = "order-2", "bob", "bob@example.com"
		})
		b.Advance(40)
		cardID := b.Details(p.Plan.ID).Plan.CardID
		card, err := b.Store.Card(ctx, cardID)
		require.NoError(b.t, err)
		customer := b.Details(p.Plan.ID).Customer.ID

		_, err = b.Operator().ErasePersonalData(ctx, customer)
		require.ErrorContains(b.t, err, "the visa card ending 4242 can still be charged: remove it first")
		b.post("/v1/payment_methods/" + card.PaymentMethod + "/detach")
		b.Settle()
		_, err = b.Operator().ErasePersonalData(ctx, customer)
		require.ErrorContains(b.t, err, "plan order-1 is active: cancel it first")
		_, err = b.Operator().Cancel(ctx, p.Plan.ID, "")
		require.NoError(b.t, err)
		b.Settle()
		paid := b.Details(p.Plan.ID)
		_, err = b.Operator().ErasePersonalData(ctx, customer)
		require.NoError(b.t, err)

		_, err = b.Sim.Dispute(p.FirstPayment.ID, "fraudulent")
		require.NoError(b.t, err)
		si := b.post("/v1/setup_intents", "customer", card.StripeCustomer, "usage", "off_session", "metadata[tranche_customer]", "ada")
		_, err = b.Browser.ConfirmCardSetup(ctx, si["client_secret"].(string), stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}})
		require.NoError(b.t, err)
		b.Settle()
		b.Advance(40)

		after := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.ChargeDisputed, after.Charges[0].Status, "the ledger follows the money")
		require.Equal(b.t, paid.Charges[1:], after.Charges[1:])
		require.Empty(b.t, after.Customer.Email+after.Customer.Name+after.Customer.StripeCustomer)
		cards, err := b.Store.Cards(ctx, customer)
		require.NoError(b.t, err)
		require.Len(b.t, cards, 1)
		require.Empty(b.t, cards[0].Last4+cards[0].Fingerprint)
		require.NotEqual(b.t, billing.CardActive, cards[0].Status)
		events, err := b.Store.Events(ctx, billing.EventFilter{})
		require.NoError(b.t, err)
		kept := 0
		for _, e := range events {
			require.NotEqual(b.t, billing.EventPending, e.Status)
			if string(e.Payload) == `{"erased":true}` {
				kept++
				continue
			}
			require.NotContains(b.t, string(e.Payload), p.FirstPayment.ID, "%s", e.Type)
		}
		require.Positive(b.t, kept)
		require.Equal(b.t, "bob@example.com", b.Details(other.Plan.ID).Customer.Email)
		mails := len(b.Mails.Mails)
		b.Advance(5)
		require.Len(b.t, b.Mails.Mails, mails)
	})
}
