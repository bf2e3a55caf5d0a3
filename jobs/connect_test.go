package jobs_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// connected is the Stripe Connect data of a PaymentIntent at the simulator.
type connected struct {
	Amount       int64   `json:"amount"`
	Fee          *int64  `json:"application_fee_amount"`
	OnBehalfOf   *string `json:"on_behalf_of"`
	TransferData *struct {
		Destination string `json:"destination"`
		Amount      *int64 `json:"amount"`
	} `json:"transfer_data"`
}

// TestEveryPaymentOfAPlanCarriesItsConnect covers the first payment in the checkout, the
// off-session payments, and a refund, which takes the money back from its recipients.
func TestEveryPaymentOfAPlanCarriesItsConnect(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.Platform.Connect("acct_villa")
		p := b.Started(good, func(t *terms.Terms) {
			t.Connect = &billing.Connect{TransferDestination: "acct_villa", OnBehalfOf: "acct_villa", ApplicationFeePercent: "2.5"}
		})
		other := b.Started(good, func(t *terms.Terms) { t.Reference = "order-2" })
		b.Advance(32)
		seen := 0
		for _, raw := range b.Sim.PaymentIntents() {
			var pi connected
			require.NoError(b.t, json.Unmarshal(raw, &pi))
			if pi.TransferData == nil {
				require.Nil(b.t, pi.Fee)
				require.Nil(b.t, pi.OnBehalfOf)
				continue
			}
			seen++
			require.Equal(b.t, "acct_villa", pi.TransferData.Destination)
			require.Nil(b.t, pi.TransferData.Amount)
			require.Equal(b.t, "acct_villa", *pi.OnBehalfOf)
			require.Equal(b.t, map[int64]int64{25003: 625, 25000: 625}[pi.Amount], *pi.Fee)
		}
		require.Equal(b.t, 2, seen)
		require.Equal(b.t, p.Plan.Connect, b.Details(p.Plan.ID).Plan.Connect)
		require.True(b.t, b.Details(other.Plan.ID).Plan.Connect.IsZero())

		_, err := b.Operator().CancelAndRefund(b.t.Context(), p.Plan.ID, "")
		require.NoError(b.t, err)
		_, err = b.Operator().CancelAndRefund(b.t.Context(), other.Plan.ID, "")
		require.NoError(b.t, err)
		b.Settle()
		refunds := b.request("GET", "/v1/refunds?limit=100", nil)["data"].([]any)
		reversed := 0
		for _, r := range refunds {
			if r.(map[string]any)["transfer_reversal"] != nil {
				reversed++
			}
		}
		require.Len(b.t, refunds, 4)
		require.Equal(b.t, 2, reversed)
		_, err = b.Operator().SetAmount(b.t.Context(), b.Charge(other.Plan.ID, 3).ID, 100)
		require.Error(b.t, err)
	})
}

func TestAChangeKeepsAChargeAboveWhatIsTakenOfIt(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.Platform.Connect("acct_villa")
		p := b.Started(good, func(t *terms.Terms) {
			t.Connect = &billing.Connect{TransferDestination: "acct_villa", ApplicationFee: 500}
		})
		_, err := b.Operator().SetAmount(b.t.Context(), b.Charge(p.Plan.ID, 3).ID, 500)
		require.ErrorContains(b.t, err, "amount: is 5.00 USD, and the application fee takes 5.00 USD of it")
		_, err = b.Operator().SetAmount(b.t.Context(), b.Charge(p.Plan.ID, 3).ID, 501)
		require.NoError(b.t, err)
	})
}
