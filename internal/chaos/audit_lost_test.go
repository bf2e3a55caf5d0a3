package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lost marks a window as lost with a restored database.
func lost(e *evidence, from, to time.Duration) {
	e.InFlight = time.Minute
	e.Lost = append(e.Lost, window{at.Add(from), at.Add(to)})
}

func TestAudit_PlanAgreedInLostTime(t *testing.T) {
	t.Parallel()
	e := sound()
	e.Agreements[0].ConfirmedAt = at.Add(-time.Hour)
	e.Plans, e.Notices, e.Mail.Letters = nil, nil, nil
	require.Positive(t, audit(e).count(kindLost), "nothing excuses it yet")
	lost(&e, -2*time.Hour, -30*time.Minute)
	require.Empty(t, audit(e))
	e.Lost[0].To = at.Add(-90 * time.Minute)
	require.Positive(t, audit(e).count(kindLost), "it was agreed later")
}

func TestAudit_StopAcknowledgedInLostTime(t *testing.T) {
	t.Parallel()
	e := sound()
	stop(&e, stopCancel, "past_due")
	e.Plans[0].Status, e.Stripe.Charges[1].Created = "past_due", at.Unix()
	require.Positive(t, audit(e).total())
	lost(&e, -2*time.Hour, -30*time.Minute)
	require.Empty(t, audit(e))
}

func TestAudit_SecondPaymentIsNeverExcused(t *testing.T) {
	t.Parallel()
	e := sound()
	lost(&e, -24*365*time.Hour, 0)
	twin := e.Stripe.PaymentIntents[0]
	twin.ID = "pi_3"
	e.Stripe.PaymentIntents = append(e.Stripe.PaymentIntents, twin)
	require.Positive(t, audit(e).count(kindDouble))
}
