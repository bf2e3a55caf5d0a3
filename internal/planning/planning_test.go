package planning_test

import (
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/planning"
	"tranche/internal/store/storetest"
	"tranche/internal/terms"
	"tranche/internal/testbench"
)

var now = time.Date(2026, 1, 31, 22, 15, 0, 0, time.UTC)

// bench is the shared bench at that time.
type bench struct {
	*testbench.Bench
	t *testing.T
}

func eachEngine(t *testing.T, test func(b *bench)) {
	t.Helper()
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		b := testbench.New(t, testbench.Config{Store: s, Silent: true})
		b.SetNow(now)
		test(&bench{b, t})
	})
}

func termsOf(reference string) terms.Terms {
	return terms.Terms{
		Reference: reference, Kind: billing.KindInstallments, Currency: "usd", Total: 100000, Parts: 3, Every: "1 month",
		Customer: terms.Customer{Reference: "ada", Email: "ada@example.com", TimeZone: "Europe/London"},
	}
}

func (b *bench) plans() []billing.Plan {
	b.t.Helper()
	plans, err := b.Store.Plans(b.t.Context(), billing.PlanFilter{})
	require.NoError(b.t, err)
	return plans
}

func TestAPlanWhoseFirstPaymentIsUnknownIsCompletedByTheSameRequest(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.Gateway.After = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
			return billing.PaymentIntent{}, &billing.GatewayError{Op: "create PaymentIntent", Kind: billing.GatewayUnknown}
		}
		_, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: termsOf("order-1"), Key: "key-1"})
		require.ErrorIs(b.t, err, billing.ErrUnavailable)
		require.Len(b.t, b.plans(), 1, "it may have been carried out: the plan stays")

		b.Gateway.After = nil
		created, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: termsOf("order-1"), Key: "key-1"})
		require.NoError(b.t, err)
		require.True(b.t, created.Replayed)
		require.Len(b.t, b.Sim.PaymentIntents(), 1)
		attempts := created.Attempts[created.Charges[0].ID]
		require.Len(b.t, attempts, 1)
		require.Equal(b.t, billing.OutcomeAwaitingCustomer, attempts[0].Outcome)
		require.Equal(b.t, string(attempts[0].ID), attempts[0].IdempotencyKey)
	})
}

func TestAPlanThatStripeRefusesIsGone(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.Gateway.After = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
			return billing.PaymentIntent{}, &billing.GatewayError{Op: "create PaymentIntent", Kind: billing.GatewayRejected, HTTPStatus: 400,
				Failure: billing.Failure{Code: "amount_too_small"}}
		}
		_, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: termsOf("order-1"), Key: "key-1"})
		require.ErrorContains(b.t, err, "amount_too_small")
		require.Empty(b.t, b.plans())

		b.Gateway.After = nil
		_, err = b.Planner.Create(b.t.Context(), planning.Request{Terms: termsOf("order-1"), Key: "key-1"})
		require.NoError(b.t, err, "reference and key are free again")
	})
}

func TestWhatIsKnownOfTheCustomerIsUsedAndWhatIsNewIsKept(t *testing.T) {
	eachEngine(t, func(b *bench) {
		_, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: termsOf("order-1")})
		require.NoError(b.t, err)
		second := termsOf("order-2")
		second.Customer = terms.Customer{Reference: "ada", Name: "Ada Lovelace"}
		created, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: second})
		require.NoError(b.t, err)
		require.Equal(b.t, "ada@example.com", created.Customer.Email)
		require.Equal(b.t, "Ada Lovelace", created.Customer.Name)
		require.Equal(b.t, "2026-03-31T08:00:00Z", created.Charges[2].DueAt.Format(time.RFC3339), "in the zone that was given with the first plan")
	})
}

func TestManyCopiesOfOneRequestMakeOnePlan(t *testing.T) {
	eachEngine(t, func(b *bench) {
		ids, faults := make([]billing.PlanID, 8), make([]error, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				created, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: termsOf("order-1"), Key: "key-1"})
				ids[i], faults[i] = created.Plan.ID, err
			})
		}
		wg.Wait()
		for i := range ids {
			require.NoError(b.t, faults[i])
			require.Equal(b.t, ids[0], ids[i])
		}
		require.Len(b.t, b.Sim.PaymentIntents(), 1)
	})
}

func TestPreviewStoresAndSendsNothing(t *testing.T) {
	eachEngine(t, func(b *bench) {
		draft, err := b.Planner.Preview(b.t.Context(), termsOf("order-1"))
		require.NoError(b.t, err)
		require.Len(b.t, draft.Charges, 3)
		require.Empty(b.t, b.plans())
		require.Empty(b.t, b.Sim.PaymentIntents())
	})
}

// TestAdopt_SameIDsInARestoredDatabase adopts a PaymentIntent into two independent databases:
// charges that the first one made are found by the second.
func TestAdopt_SameIDsInARestoredDatabase(t *testing.T) {
	eachEngine(t, func(b *bench) {
		pi := billing.PaymentIntent{ID: "pi_1", Status: billing.IntentSucceeded, Amount: 20000, Currency: "eur", CreatedAt: now,
			Metadata: map[string]string{"tranche_kind": "installments", "tranche_reference": "sofa-1", "tranche_total": "60000", "tranche_parts": "3",
				"tranche_every": "1 month", "tranche_customer": "grace"}}
		var ids [][]billing.ChargeID
		for _, s := range []billing.Store{b.Store, storetest.SQLite(t)} {
			p := planning.New(planning.Config{Store: s, Gateway: b.Gateway, Now: func() time.Time { return now.Add(time.Duration(len(ids)) * time.Hour) }})
			plan, err := p.Adopt(t.Context(), pi)
			require.NoError(t, err)
			details, err := billing.LoadDetails(t.Context(), s, plan.ID)
			require.NoError(t, err)
			list := []billing.ChargeID{billing.ChargeID(plan.ID)}
			for _, c := range details.Charges {
				list = append(list, c.ID)
			}
			ids = append(ids, list)
		}
		require.Len(t, ids[0], 4)
		require.Equal(t, ids[0], ids[1])
	})
}

func TestAdoptingTheSamePaymentIntentTwiceMakesOnePlan(t *testing.T) {
	eachEngine(t, func(b *bench) {
		pi := billing.PaymentIntent{ID: "pi_1", Status: billing.IntentSucceeded, Amount: 50000, Currency: "eur", Customer: "cus_1", CreatedAt: now,
			Metadata: map[string]string{"tranche_kind": "deposit", "tranche_reference": "villa-9", "tranche_total": "250000", "tranche_balance_due": "2026-12-20",
				"tranche_customer": "grace", "tranche_timezone": "Europe/Paris"}}
		ids, faults := make([]billing.PlanID, 4), make([]error, 4)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				plan, err := b.Planner.Adopt(b.t.Context(), pi)
				ids[i], faults[i] = plan.ID, err
			})
		}
		wg.Wait()
		plan, err := b.Planner.Adopt(b.t.Context(), pi)
		require.NoError(b.t, err)
		for i := range ids {
			if faults[i] != nil { // another goroutine created the customer's row at the same time: the event is handled again
				require.ErrorIs(b.t, faults[i], billing.ErrExists)
				continue
			}
			require.Equal(b.t, plan.ID, ids[i])
		}
		require.Len(b.t, b.plans(), 1)
		details, err := billing.LoadDetails(b.t.Context(), b.Store, plan.ID)
		require.NoError(b.t, err)
		require.Equal(b.t, "cus_1", details.Customer.StripeCustomer)
		require.Equal(b.t, int64(200000), details.Charges[1].Amount)
		require.Equal(b.t, "2026-12-20T08:00:00Z", details.Charges[1].DueAt.Format(time.RFC3339))

		pi.ID = "pi_2"
		var taken *planning.ReferenceTakenError
		var twice *planning.PaidTwiceError
		_, err = b.Planner.Adopt(b.t.Context(), pi)
		require.Error(b.t, err, "the first payment is not recorded yet: handled again")
		require.False(b.t, errors.As(err, &taken) || errors.As(err, &twice))

		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
			first := details.Charges[0]
			first.Status = billing.ChargeSucceeded
			return tx.UpdateCharge(b.t.Context(), first)
		}))
		_, err = b.Planner.Adopt(b.t.Context(), pi)
		require.ErrorAs(b.t, err, &twice)
		require.Equal(b.t, details.Charges[0].ID, twice.Charge.ID)

		pi.Metadata = maps.Clone(pi.Metadata)
		pi.Metadata["tranche_email"] = "other@example.com"
		_, err = b.Planner.Adopt(b.t.Context(), pi)
		require.ErrorAs(b.t, err, &taken, "other terms")
		require.Equal(b.t, plan.ID, taken.PlanID)
	})
}

// TestCreate_CustomerDefaults: a new customer gets the merchant's time zone and language unless the
// terms set others; an existing customer keeps its own.
func TestCreate_CustomerDefaults(t *testing.T) {
	eachEngine(t, func(b *bench) {
		german := planning.New(planning.Config{Store: b.Store, Gateway: b.Gateway, Now: b.Now, Rules: billing.Rules{
			ChargeTime: calendar.LocalTime{Hour: 9}, TimeZone: "Europe/Berlin", Locale: "de-DE",
		}})
		create := func(p *planning.Planner, reference, customer, zone string) billing.Details {
			tm := termsOf(reference)
			tm.Customer = terms.Customer{Reference: customer, TimeZone: zone}
			made, err := p.Create(b.t.Context(), planning.Request{Terms: tm})
			require.NoError(b.t, err)
			again, err := p.Create(b.t.Context(), planning.Request{Terms: tm})
			require.NoError(b.t, err)
			require.True(b.t, again.Replayed)
			return made.Details
		}
		one := create(german, "o-1", "new", "")
		require.Equal(b.t, []string{"Europe/Berlin", "de-DE"}, []string{one.Customer.TimeZone, one.Customer.Locale})
		require.Equal(b.t, 8, one.Charges[1].DueAt.UTC().Hour(), "09:00 in Berlin")
		one = create(german, "o-2", "other", "Asia/Tokyo")
		require.Equal(b.t, []string{"Asia/Tokyo", "de-DE"}, []string{one.Customer.TimeZone, one.Customer.Locale})
		require.Empty(b.t, create(b.Planner, "o-3", "old", "").Customer.TimeZone)
		one = create(german, "o-4", "old", "")
		require.Empty(b.t, one.Customer.TimeZone+one.Customer.Locale, "it is not moved by a setting")
	})
}
