package stripesim_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
)

const connected = "acct_1Villa"

func TestAConnectedAccountIsAWorldOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	villa := s.server.Connect(connected)
	require.Same(t, villa, s.server.Connect(connected))
	there := s.post("/v1/payment_intents", create+"pm_card_visa&application_fee_amount=20", "Stripe-Account", connected, "Idempotency-Key", "k")
	require.Equal(t, http.StatusOK, there.status, there)
	require.Equal(t, http.StatusNotFound, s.get("/v1/payment_intents/"+there.id(), "").status, "the platform does not have it")
	require.Len(t, villa.PaymentIntents(), 1)
	require.Empty(t, s.server.PaymentIntents())

	here := s.post("/v1/payment_intents", create+"pm_card_visa", "Idempotency-Key", "k")
	require.Equal(t, http.StatusOK, here.status, "keys are each account's own")
	require.NotEqual(t, there.id(), here.id())

	refused := s.post("/v1/payment_intents", create+"pm_card_visa", "Stripe-Account", "acct_other")
	require.Equal(t, http.StatusForbidden, refused.status)
	refused = s.post("/v1/payment_intents", create+"pm_card_visa&application_fee_amount=20")
	require.Equal(t, http.StatusBadRequest, refused.status, "a fee of one's own payment")
}

func TestEventsOfAConnectedAccountGoToTheEndpointsThatListenToIt(t *testing.T) {
	t.Parallel()
	platform, connect := newReceiver(t), newReceiver(t)
	s := hooked(t, platform)
	made := s.ok("/v1/webhook_endpoints", "url="+connect.http.URL+"&enabled_events[]=*&connect=true")
	require.NotNil(t, made.field("application"))
	villa := s.server.Connect(connected)
	_ = s.post("/v1/payment_intents", create+"pm_card_visa", "Stripe-Account", connected)
	s.drain()
	require.Empty(t, platform.types())
	require.Len(t, connect.types(), 3)
	require.Equal(t, connected, connect.events[0]["account"])
	s.customer()
	s.drain()
	require.Len(t, platform.types(), 1)
	require.Nil(t, platform.events[0]["account"])
	require.Len(t, connect.types(), 3)
	_, err := villa.Dispute(connect.events[2]["data"].(map[string]any)["object"].(map[string]any)["id"].(string), "fraudulent")
	require.NoError(t, err)
}

func TestACustomerAuthenticatesInAConnectedAccount(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.server.Connect(connected)
	out := s.post("/v1/payment_intents", "amount=500&currency=usd", "Stripe-Account", connected)
	browser := &stripesim.Browser{BaseURL: s.http.URL, Account: connected}
	intent, err := browser.ConfirmCardPayment(t.Context(), out.field("client_secret").(string), stripesim.PaymentDetails{
		Card: &stripesim.Card{Number: "4000002500003155"}, SetupFutureUsage: "off_session",
	})
	require.NoError(t, err)
	require.Equal(t, "requires_action", intent.Status)
	intent, err = browser.Authenticate(t.Context(), intent, true)
	require.NoError(t, err)
	require.Equal(t, "succeeded", intent.Status)
}
