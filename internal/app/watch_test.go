package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

// TestWhatDidNotHappenIsSeen has a charge fall due while no worker runs. The scheduler enqueues its
// task, and no worker runs it.
func TestWhatDidNotHappenIsSeen(t *testing.T) {
	t.Parallel()
	sim, url := stripe(t)
	change := map[string]string{
		"DATABASE_URL": testenv.Postgres(t), "REDIS_URL": testenv.Redis(t), "TRANCHE_LEASE": "3s", "TRANCHE_ROLES": "ingress,worker",
	}
	first := started(t, settings(t, url, change))
	sim.AddWebhook(stripesim.WebhookEndpoint{URL: "http://" + first.Addr() + "/webhooks/stripe", Secret: "whsec_app"})
	due := soon()
	plan := create(t, first, `{"reference": "order-1", "kind": "installments", "currency": "usd", "charges": [{"amount": 1000}, {"amount": 2000, "due": "`+due+`"}],
		"customer": {"reference": "ada"}}`)
	_, err := (&stripesim.Browser{BaseURL: url}).ConfirmCardPayment(t.Context(), plan.FirstPayment.ClientSecret,
		stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		p, err := first.Store().Plan(t.Context(), plan.ID)
		return err == nil && p.Status == billing.PlanActive
	}, 20*time.Second, 50*time.Millisecond)
	_, page := get(t, "http://"+first.AdminAddr()+"/metrics")
	for _, line := range []string{
		`tranche_http_requests_total{route="POST /v1/plans",status="201"} 1`, `tranche_http_requests_total{route="POST /webhooks/stripe",status="200"}`,
		`tranche_stripe_call_duration_seconds_count{kind="ok",operation="create PaymentIntent"} 1`, `tranche_alarms{alarm="charges_overdue",severity="critical"} 0`,
		`tranche_queue_tasks{queue="events",state="pending"}`,
	} {
		require.Contains(t, page, line)
	}
	require.NotContains(t, page, "last_tick", "no scheduler runs here")
	first.Stop()

	change["TRANCHE_ROLES"] = "scheduler"
	second := started(t, settings(t, url, change))
	defer second.Stop()
	require.Eventually(t, func() bool {
		_, page := get(t, "http://"+second.AdminAddr()+"/metrics")
		status, ready := get(t, "http://"+second.AdminAddr()+"/readyz")
		return status == http.StatusOK && strings.Contains(ready, `"charges_overdue"`) && strings.Contains(page, `tranche_alarms{alarm="charges_overdue",severity="critical"} 1`) &&
			!strings.Contains(page, "tranche_scheduler_last_tick_timestamp_seconds 0\n")
	}, 60*time.Second, 250*time.Millisecond)
}
