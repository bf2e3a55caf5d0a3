package jobs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripegw"
)

// restricted is the gateway of a restricted key that lacks the given permission. Stripe refuses its
// calls until allowed is set.
func (b *bench) restricted(allowed *atomic.Bool, method, path, permission string) *stripegw.Gateway {
	b.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allowed.Load() && r.Method == method && strings.HasPrefix(r.URL.Path, path) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, `{"error":{"type":"invalid_request_error","message":"The provided key 'rk_test_***1234' does not have the required permissions `+
				`for this endpoint on account 'acct_1'. Having the '%s' permission would allow this request to continue."}}`, permission)
			return
		}
		b.Platform.ServeHTTP(w, r)
	}))
	b.t.Cleanup(server.Close)
	g, err := stripegw.New(stripegw.Config{SecretKey: "rk_test_restricted", APIBase: server.URL, HTTPTimeout: 5 * time.Second})
	require.NoError(b.t, err)
	return g
}

// TestPermissionMissing_Charge: the key loses the permission to charge for longer than Stripe
// remembers a request. The charge waits with the reason, the customer gets no mail, and the card is
// not marked. Once the key has the permission, the charge is made once.
func TestPermissionMissing_Charge(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		mails := len(b.Mails.Mails)
		var allowed atomic.Bool
		gateway := b.restricted(&allowed, http.MethodPost, "/v1/payment_intents", "rak_payment_intent_write")
		b.Gateway.Gateway = gateway
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		for range 30 {
			b.RunDue()
			b.SetNow(b.Now().Add(time.Hour))
		}
		c := b.Charge(p.Plan.ID, 2)
		require.False(b.t, c.Status.Ended())
		require.Contains(b.t, c.Reason, "the key lacks the permission PaymentIntents: Write")
		require.False(b.t, c.ClaimAfter.IsZero(), "it is tried again")
		require.Len(b.t, b.Mails.Mails, mails)
		require.Equal(b.t, billing.CardActive, b.cardOf(p.Plan.ID).Status)
		permission := "PaymentIntents: Write"
		if b.Account != "" {
			permission += " (Connect)"
		}
		require.Equal(b.t, []string{permission}, gateway.Lacking(), "which raises the alarm")

		allowed.Store(true)
		for range 3 {
			b.Settle()
			b.SetNow(b.Now().Add(time.Hour))
		}
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
		require.Empty(b.t, gateway.Lacking())
		took, _ := b.Succeeded()
		require.Equal(b.t, 2, took)
	})
}
