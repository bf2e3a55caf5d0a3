package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func TestMailID_SameForTheSameNotice(t *testing.T) {
	t.Parallel()
	n := billing.Notice{ID: "ntc_1", ChargeID: "chg_1", CustomerID: "cust_1", Step: "payment_failed:1", Channel: billing.ChannelEmail}
	again := n
	again.ID = "ntc_2" // the row was lost with a database, and written again
	require.Equal(t, n.MailID("shop.example"), again.MailID("shop.example"))
	require.Regexp(t, `^ntc\.[0-9a-f]{32}@shop\.example$`, n.MailID("shop.example"))
	for name, other := range map[string]billing.Notice{
		"charge":   {ChargeID: "chg_2", CustomerID: "cust_1", Step: n.Step, Channel: n.Channel},
		"step":     {ChargeID: "chg_1", CustomerID: "cust_1", Step: "payment_failed:2", Channel: n.Channel},
		"channel":  {ChargeID: "chg_1", CustomerID: "cust_1", Step: n.Step, Channel: "sms"},
		"customer": {CustomerID: "cust_1", Step: n.Step, Channel: n.Channel},
	} {
		require.NotEqual(t, n.MailID("shop.example"), other.MailID("shop.example"), name)
	}
}
