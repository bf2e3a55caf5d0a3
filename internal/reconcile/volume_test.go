//go:build !race

package reconcile_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/reconcile"
	"tranche/internal/store"
	"tranche/internal/store/storetest"
)

var begin = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

const perPlan = 500

// seed stores n paid charges, a second apart.
func seed(t *testing.T, s *store.Store, n int) {
	t.Helper()
	customer := billing.Customer{ID: billing.NewCustomerID(begin), Reference: "many", CreatedAt: begin, UpdatedAt: begin, Version: 1}
	require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error { return tx.InsertCustomer(t.Context(), customer) }))
	for from := 0; from < n; from += perPlan {
		plan := billing.Plan{
			ID: billing.NewPlanID(begin), Reference: fmt.Sprint("order-", from), CustomerID: customer.ID, Kind: billing.KindInstallments,
			Status: billing.PlanActive, Currency: "usd", Total: perPlan * 100, Terms: []byte(`{}`), CreatedAt: begin, UpdatedAt: begin, Version: 1,
		}
		charges := make([]billing.Charge, perPlan)
		for i := range charges {
			at := begin.Add(time.Duration(from+i) * time.Second)
			charges[i] = billing.Charge{
				ID: billing.NewChargeID(begin), PlanID: plan.ID, CustomerID: customer.ID, Sequence: i + 1, Amount: 100, Currency: "usd",
				DueAt: at, Status: billing.ChargeSucceeded, PaymentIntent: intentName(from + i), PaidAt: at, CreatedAt: begin, UpdatedAt: begin, Version: 1,
			}
		}
		require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error { return tx.InsertPlan(t.Context(), plan, charges) }))
	}
}

func intentName(i int) string { return fmt.Sprintf("pi_%09d", i) }

// stream is a Stripe that generates its record as it is read: n PaymentIntents, all paid. It
// measures the memory in use meanwhile.
type stream struct {
	n       int
	unpaid  int // this one is not paid; -1 for none
	skip    int // this one is left out of the list; -1 for none
	pages   int
	peak    uint64
	fetched []string
}

func (s *stream) payment(i int) billing.RecordedPayment {
	p := billing.RecordedPayment{PaymentIntent: billing.PaymentIntent{
		ID: intentName(i), Status: billing.IntentSucceeded, Amount: 100, AmountReceived: 100, Currency: "usd", CreatedAt: begin,
		Metadata: map[string]string{billing.MetaReference: "order", billing.MetaCharge: "chg"},
	}}
	if i == s.unpaid {
		p.Status, p.AmountReceived = billing.IntentRequiresPaymentMethod, 0
	}
	return p
}

// Events returns none.
func (*stream) Events(context.Context, time.Time, []string, func([]billing.Event) error) error {
	return nil
}

// Payments generates page after page.
func (s *stream) Payments(_ context.Context, _, _ time.Time, fn func([]billing.RecordedPayment) error) error {
	for at := s.n; at > 0; at -= 100 {
		page := make([]billing.RecordedPayment, 0, 100)
		for i := at - 1; i >= at-100; i-- {
			if i != s.skip {
				page = append(page, s.payment(i))
			}
		}
		if err := fn(page); err != nil {
			return err
		}
		s.measure()
	}
	return nil
}

// measure records the live heap at every fiftieth page.
func (s *stream) measure() {
	if s.pages++; s.pages%50 != 0 {
		return
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.peak = max(s.peak, m.HeapAlloc)
}

// Payment generates one PaymentIntent.
func (s *stream) Payment(_ context.Context, id string) (billing.RecordedPayment, error) {
	var i int
	_, err := fmt.Sscanf(id, "pi_%d", &i)
	s.fetched = append(s.fetched, id)
	return s.payment(i), err
}

// compare reconciles n charges with a Stripe that has them all, except that one is not paid, and
// one is missing from its list.
func compare(t *testing.T, s *store.Store, n int) *stream {
	t.Helper()
	seed(t, s, n)
	made := &stream{n: n, unpaid: n / 2, skip: n / 3}
	var found []reconcile.Finding
	began := time.Now()
	end := begin.Add(time.Duration(n) * time.Second)
	summary, err := reconcile.Run(t.Context(), made, s, reconcile.Options{
		From: begin, To: end, Now: func() time.Time { return end.Add(time.Hour) },
		Found: func(f reconcile.Finding) error { found = append(found, f); return nil },
	})
	require.NoError(t, err)
	t.Logf("%d charges in %s, at most %d KiB of live heap", n, time.Since(began).Round(time.Millisecond), made.peak>>10)
	require.Equal(t, reconcile.Summary{PaymentIntents: n - 1, Charges: n, Findings: 1, Left: 1}, summary)
	require.Equal(t, intentName(n/2), found[0].PaymentIntent)
	require.Equal(t, reconcile.PaidNotThere, found[0].Kind)
	require.Equal(t, []string{intentName(n / 2), intentName(n / 3)}, made.fetched, "only what differs, and what was not listed, is fetched")
	return made
}

// TestAHundredThousandChargesAreNotHeldInMemory is not parallel: it measures the heap of the whole
// process.
func TestAHundredThousandChargesAreNotHeldInMemory(t *testing.T) {
	few := compare(t, storetest.SQLite(t), 10_000)
	many := compare(t, storetest.SQLite(t), 100_000)
	require.Less(t, many.peak, few.peak+4<<20, "ten times as many charges take no more memory")
}
