package recovery_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/recovery"
)

// TestPay_AttemptGivenUp has the page's PaymentIntent arrive after a worker gave the attempt up:
// the worker creates its own, so the secret of the page's PaymentIntent is not handed out.
func TestPay_AttemptGivenUp(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		b.advance(p.Charges[1].DueAt.Sub(b.Now()) - time.Second)
		tok := b.open(p, 2)
		b.Gateway.InsteadOfCreate = func(_ context.Context, make func() (billing.PaymentIntent, error)) (billing.PaymentIntent, error) {
			pi, err := make()
			b.advance(2 * lease)
			b.RunDue() // the attempt is given up; the worker's own comes with the next look
			return pi, err
		}
		h, err := b.payOne(t.Context(), tok, other)
		require.NoError(t, err)
		require.Empty(t, h.ClientSecret)
		require.Equal(t, recovery.StateProcessing, h.State)
		require.Empty(t, b.Details(p.Plan.ID).Charges[1].PaymentIntent, "the charge does not take it")
	})
}

// replacing gives a charge another PaymentIntent whenever its own is fetched.
type replacing struct {
	billing.Gateway
	then func(id string)
}

// PaymentIntent fetches one, and then calls the hook.
func (g *replacing) PaymentIntent(ctx context.Context, id string) (billing.PaymentIntent, error) {
	pi, err := g.Gateway.PaymentIntent(ctx, id)
	g.then(id)
	return pi, err
}

func TestPay_ReplacedMeanwhile(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.plan()
		tok := b.open(p, 2)
		h, err := b.payOne(t.Context(), tok, other)
		require.NoError(t, err)
		require.NotEmpty(t, h.ClientSecret)
		b.service.Gateway = &replacing{b.Gateway, func(string) {
			require.NoError(t, b.Store.Update(t.Context(), func(tx billing.Tx) error {
				c, err := tx.Charge(t.Context(), p.Charges[1].ID)
				require.NoError(t, err)
				c.PaymentIntent = "pi_new"
				return tx.UpdateCharge(t.Context(), c)
			}))
		}}
		h, err = b.payOne(t.Context(), tok, other)
		require.NoError(t, err)
		require.Empty(t, h.ClientSecret)
		require.Equal(t, recovery.StateProcessing, h.State)
	})
}
