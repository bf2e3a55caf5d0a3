package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/testenv"
)

// paidTwice stores a plan whose first charge has a second payment with an open incident.
func (c *counter) paidTwice(t *testing.T) served {
	t.Helper()
	s := c.customer(t, operator.OpPause, surfaceOf{})
	charges, err := c.store.PlanCharges(t.Context(), s.plan.ID)
	require.NoError(t, err)
	s.charge = charges[0]
	require.NoError(t, c.store.Update(t.Context(), func(tx billing.Tx) error {
		_, err := tx.OpenIncident(t.Context(), billing.Incident{
			Kind: billing.IncidentPaidTwice, Subject: "pi_second_" + string(s.charge.ID), PlanID: s.plan.ID, ChargeID: s.charge.ID,
			CustomerID: s.plan.CustomerID, Detail: "paid twice", OpenedAt: c.now,
		})
		return err
	}))
	return s
}

func TestRefundDuplicate_SameByAPIAndByCommand(t *testing.T) {
	t.Parallel()
	surface := surfaceOf{command: "charge refund-duplicate CHARGE --yes"}
	eachDatabase(t, func(t *testing.T, url string) {
		c := newCounter(t, url)
		byAPI, byCommand := c.paidTwice(t), c.paidTwice(t)
		for range 2 { // the second call changes nothing
			c.ask(t, operator.OpRefundDuplicate, surface, byAPI)
			c.run(t, operator.OpRefundDuplicate, surface, byCommand)
		}
		require.Equal(t, c.written(t, byAPI), c.written(t, byCommand))
		for _, s := range []served{byAPI, byCommand} {
			orders, err := c.store.Refunds(t.Context(), s.charge.ID)
			require.NoError(t, err)
			require.Len(t, orders, 1)
			require.Equal(t, billing.RefundOpen, orders[0].Status)
			require.Equal(t, "pi_second_"+string(s.charge.ID), orders[0].PaymentIntent)
			row, err := c.store.Charge(t.Context(), s.charge.ID)
			require.NoError(t, err)
			require.WithinDuration(t, c.now, row.NextAttemptAt, 5*time.Minute, "a worker makes it")
		}
	})
}

func TestRefundDuplicate_NothingPaidTwice(t *testing.T) {
	t.Parallel()
	c := newCounter(t, testenv.SQLite(t))
	s := c.customer(t, operator.OpPause, surfaceOf{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.api+"/v1/charges/"+string(s.charge.ID)+"/refund-duplicate", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+counterKey)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusConflict, resp.StatusCode)
	var out, errOut heard
	code := run(t.Context(), []string{"charge", "refund-duplicate", string(s.charge.ID), "--yes"}, func(name string) string {
		return map[string]string{"DATABASE_URL": c.url}[name]
	}, strings.NewReader(""), &out, &errOut)
	require.Equal(t, exitFailed, code)
	require.Contains(t, string(errOut.bytes()), "no second payment of charge 2 waits to be refunded")
}
