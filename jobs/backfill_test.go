package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/backfill"
	"tranche/internal/billing"
	"tranche/internal/stripeevents"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// record reads the record of the bench's Stripe.
func (b *bench) record() *stripegw.Record {
	b.t.Helper()
	gateway, ok := b.Gateway.Gateway.(*stripegw.Gateway)
	require.True(b.t, ok)
	return stripegw.NewRecord(gateway, time.Millisecond)
}

// ledger is the bench's database as reconciliation sees it.
func (b *bench) ledger() billing.Ledger {
	b.t.Helper()
	ledger, ok := b.Store.(billing.Ledger)
	require.True(b.t, ok)
	return ledger
}

// backfill fetches the events that no webhook brought, and returns their counts.
func (b *bench) backfill() backfill.Counts {
	b.t.Helper()
	counts, err := backfill.Run(b.t.Context(), b.record(), b.ledger(), backfill.Options{Now: b.Now, Types: stripeevents.Types()})
	require.NoError(b.t, err)
	return counts
}

// life simulates a plan whose customer authenticates each payment. Once a fortnight, bring delivers
// the events.
func (b *bench) life(bring func()) outcomeOfLife {
	b.t.Helper()
	p := b.Plan(func(t *terms.Terms) { t.Parts = 3 })
	require.NoError(b.t, b.PayFirst(p, authAlways))
	bring()
	for day := range 70 {
		b.SetNow(b.Now().Add(24 * time.Hour))
		b.RunDue()
		for _, c := range b.Details(p.Plan.ID).Charges {
			if c.Status != billing.ChargeRequiresAction {
				continue
			}
			pi, err := b.Gateway.PaymentIntent(b.OnAccount(), c.PaymentIntent)
			require.NoError(b.t, err)
			if pi.Status != billing.IntentSucceeded {
				require.NoError(b.t, b.Pay(pi.ClientSecret, stripesim.PaymentDetails{PaymentMethod: pi.LastErrorPaymentMethod}))
			}
		}
		if day%14 == 13 {
			bring()
		}
	}
	bring()
	d := b.Details(p.Plan.ID)
	out := outcomeOfLife{Plan: d.Plan.Status, Charges: statuses(d), Notices: map[billing.NoticeKind]int{}, Mails: len(b.Mails.Mails)}
	for _, c := range d.Charges {
		out.Attempts = append(out.Attempts, len(d.Attempts[c.ID]))
	}
	for _, kind := range b.Notices(p.Plan.ID) {
		out.Notices[kind]++
	}
	_, out.Stripe = b.Succeeded()
	return out
}

func TestBackfillBringsWhatNoWebhookBrought(t *testing.T) {
	var straight outcomeOfLife
	t.Run("straight", func(t *testing.T) {
		eachEngineInTurn(t, func(b *bench) {
			straight = b.life(b.Settle)
			require.Equal(b.t, billing.PlanCompleted, straight.Plan)
			require.Zero(b.t, b.backfill().New, "every webhook came")
		})
	})
	t.Run("no webhook", func(t *testing.T) {
		eachEngineInTurn(t, func(b *bench) {
			require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDrop}))
			missed := 0
			lost := b.life(func() {
				first := b.backfill()
				missed += first.New
				for range 2 {
					again := b.backfill()
					require.Zero(b.t, again.New, "a second time there is nothing to do")
					require.Equal(b.t, first.Seen, again.Seen)
				}
				b.Settle()
			})
			require.Equal(b.t, straight, lost)
			require.Positive(b.t, missed)
			require.Empty(b.t, b.Arrived())
		})
	})
}

func TestADryRunStoresNothing(t *testing.T) {
	eachEngine(t, func(b *bench) {
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDrop}))
		require.NoError(b.t, b.PayFirst(b.Plan(nil), good))
		counts, err := backfill.Run(b.t.Context(), b.record(), b.ledger(), backfill.Options{Now: b.Now, Types: stripeevents.Types(), DryRun: true})
		require.NoError(b.t, err)
		require.Positive(b.t, counts.New)
		require.Zero(b.t, b.RunDue())
		require.Equal(b.t, counts.New, b.backfill().New)
	})
}

// TestEverySweepTypeIsHandled: every type that the sweep fetches has a handler, and an unused type
// has none.
func TestEverySweepTypeIsHandled(t *testing.T) {
	eachEngine(t, func(b *bench) {
		for _, kind := range append(stripeevents.Types(), "invoice.paid") {
			e := billing.Event{ID: "evt_" + kind, Type: kind, ObjectID: "none", Status: billing.EventPending, ReceivedAt: b.Now(), ClaimAfter: b.Now()}
			_, err := b.Store.InsertEvents(b.t.Context(), []billing.Event{e})
			require.NoError(b.t, err)
			b.Do(eventTask(e.ID, 0))
			e, err = b.Store.Event(b.t.Context(), e.ID)
			require.NoError(b.t, err)
			require.Equal(b.t, kind == "invoice.paid", e.Reason == "events of this type are not used", kind)
		}
	})
}

// TestASweepThatFailsHalfWayKeepsWhatItStored reads a list whose second page can't be fetched.
func TestASweepThatFailsHalfWayKeepsWhatItStored(t *testing.T) {
	eachEngine(t, func(b *bench) {
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionWebhookDrop}))
		require.NoError(b.t, b.PayFirst(b.Plan(nil), good))
		half := &halfRecord{Record: b.record()}
		counts, err := backfill.Run(b.t.Context(), half, b.ledger(), backfill.Options{Now: b.Now, Types: stripeevents.Types()})
		require.ErrorIs(b.t, err, billing.ErrUnavailable)
		require.Equal(b.t, 1, counts.New)
		require.Equal(b.t, half.whole-1, b.backfill().New, "the rest comes with the next one")
	})
}

// halfRecord returns the first event of a list and then fails.
type halfRecord struct {
	*stripegw.Record
	whole int
}

// Events reads one event and fails.
func (r *halfRecord) Events(ctx context.Context, since time.Time, types []string, fn func([]billing.Event) error) error {
	return r.Record.Events(ctx, since, types, func(page []billing.Event) error {
		if len(page) == 0 {
			return fn(page)
		}
		r.whole = len(page)
		if err := fn(page[:1]); err != nil {
			return err
		}
		return &billing.GatewayError{Op: "list events", Kind: billing.GatewayUnknown}
	})
}
