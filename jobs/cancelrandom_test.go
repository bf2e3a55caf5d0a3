//go:build !race

package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/store/storetest"
	"tranche/internal/terms"
)

// TestCanceledCharge_NothingPayable has a merchant, a customer and a policy act at random, while
// answers and events are lost. It requires that no charge that was canceled or paid outside can be
// paid at Stripe once nothing is in flight.
func TestCanceledCharge_NothingPayable(t *testing.T) {
	t.Parallel()
	for name, engine := range map[string]struct {
		open  func(testing.TB) billing.Store
		lives int
	}{
		"sqlite":   {func(t testing.TB) billing.Store { return storetest.SQLite(t) }, 12},
		"postgres": {func(t testing.TB) billing.Store { return storetest.Postgres(t) }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lived := 0
			rapid.Check(t, func(rt *rapid.T) {
				if lived++; lived > engine.lives { // each is weeks of work on a database and an HTTP server of its own
					return
				}
				b := newBench(t, engine.open(t))
				b.cancelAtRandom(rt)
			})
		})
	}
}

// cancelAtRandom creates a plan, changes it at random, and checks it once nothing is in flight.
func (b *bench) cancelAtRandom(rt *rapid.T) {
	atEnd := rapid.SampledFrom([]string{"cancel", "cancel", "pause", "keep"}).Draw(rt, "at end")
	b.policies("[policy.default]\nat_end = \"" + atEnd + "\"\ndeadline_days = 31\nfinal_notice_days = 3\nremind_days = 7")
	p := b.Plan(func(t *terms.Terms) { t.Every = "2 weeks" })
	secrets := map[billing.ChargeID]billing.Secret{b.Charge(p.Plan.ID, 1).ID: p.FirstPayment.ClientSecret}
	if rapid.IntRange(0, 4).Draw(rt, "paid") > 0 {
		card := rapid.SampledFrom([]string{good, thenNoFunds, authAlways}).Draw(rt, "card")
		require.NoError(b.t, b.PayFirst(p, card))
		b.Settle()
	}
	for range rapid.IntRange(2, 8).Draw(rt, "things") {
		b.happens(rt, p.Plan.ID, secrets)
	}
	if rapid.Bool().Draw(rt, "canceled in the end") {
		_, _ = b.Operator().Cancel(b.t.Context(), p.Plan.ID, "") // it may have ended already
	}
	b.Advance(3)
	for _, c := range b.Details(p.Plan.ID).Charges {
		if !c.Void() {
			continue
		}
		b.requireVoid(c)
		if secret := secrets[c.ID]; secret != "" {
			require.Error(b.t, b.Pay(secret, withCard(good)), "charge %d: a page that is still open", c.Sequence)
		}
	}
}

// happens runs one random action on a plan.
func (b *bench) happens(rt *rapid.T, plan billing.PlanID, secrets map[billing.ChargeID]billing.Secret) {
	c := rapid.SampledFrom(b.Details(plan).Charges).Draw(rt, "charge")
	switch rapid.SampledFrom([]string{"change", "change", "page", "page", "pay", "decline", "time", "time", "cancel"}).Draw(rt, "thing") {
	case "change":
		b.randomChange(rt, plan)
	case "page":
		if rapid.IntRange(0, 2).Draw(rt, "lost") == 0 {
			b.loseAnswer()
		}
		if secret, err := b.page().pay(plan, c.Sequence); err == nil && secret != "" {
			secrets[c.ID] = secret
		}
		b.Gateway.After = nil
	case "pay":
		_ = b.Pay(secrets[c.ID], withCard(good)) // refused if there is nothing to pay
	case "decline":
		_ = b.Pay(secrets[c.ID], withCard(neverFunds))
	case "time":
		b.SetNow(b.Now().Add(time.Duration(rapid.IntRange(1, 20*24).Draw(rt, "hours")) * time.Hour))
	case "cancel":
		_, _ = b.Operator().Cancel(b.t.Context(), plan, "")
	}
	switch rapid.IntRange(0, 3).Draw(rt, "then") {
	case 0: // the worker has not handled it yet
	case 1:
		b.Arrived() // events are lost
	default:
		b.Settle()
	}
}
