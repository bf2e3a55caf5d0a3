package planning_test

import (
	"context"
	"errors"
	"maps"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/planning"
	"tranche/internal/store/storetest"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

var now = time.Date(2026, 1, 31, 22, 15, 0, 0, time.UTC)

// desk is a planner on a real store and a simulated Stripe.
type desk struct {
	*planning.Planner
	t       *testing.T
	store   billing.Store
	sim     *stripesim.Server
	gateway *tap
}

func eachEngine(t *testing.T, test func(d *desk)) {
	t.Helper()
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		sim := stripesim.New(stripesim.Options{Now: func() time.Time { return now }})
		server := httptest.NewServer(sim)
		t.Cleanup(func() { sim.Close(); server.Close() })
		gateway, err := stripegw.New(stripegw.Config{SecretKey: "sk_test_desk", APIBase: server.URL})
		require.NoError(t, err)
		g := &tap{Gateway: gateway}
		test(&desk{
			Planner: planning.New(planning.Config{Store: s, Gateway: g, Now: func() time.Time { return now }, Rules: billing.Rules{ChargeTime: calendar.LocalTime{Hour: 9}}}), t: t, store: s, sim: sim, gateway: g,
		})
	})
}

// tap lets a test change the responses that the planner gets.
type tap struct {
	billing.Gateway
	after func(billing.PaymentIntent, error) (billing.PaymentIntent, error)
}

// CreatePaymentIntent forwards the call, and returns the response as the test changes it.
func (g *tap) CreatePaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	pi, err := g.Gateway.CreatePaymentIntent(ctx, key, p)
	if g.after != nil {
		return g.after(pi, err)
	}
	return pi, err
}

func termsOf(reference string) terms.Terms {
	return terms.Terms{
		Reference: reference, Kind: billing.KindInstallments, Currency: "usd", Total: 100000, Parts: 3, Every: "1 month",
		Customer: terms.Customer{Reference: "ada", Email: "ada@example.com", TimeZone: "Europe/London"},
	}
}

func (d *desk) plans() []billing.Plan {
	d.t.Helper()
	plans, err := d.store.Plans(d.t.Context(), billing.PlanFilter{})
	require.NoError(d.t, err)
	return plans
}

func TestAPlanWhoseFirstPaymentIsUnknownIsCompletedByTheSameRequest(t *testing.T) {
	eachEngine(t, func(d *desk) {
		d.gateway.after = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
			return billing.PaymentIntent{}, &billing.GatewayError{Op: "create PaymentIntent", Kind: billing.GatewayUnknown}
		}
		_, err := d.Create(d.t.Context(), planning.Request{Terms: termsOf("order-1"), Key: "key-1"})
		require.ErrorIs(d.t, err, billing.ErrUnavailable)
		require.Len(d.t, d.plans(), 1, "it may have been carried out: the plan stays")

		d.gateway.after = nil
		created, err := d.Create(d.t.Context(), planning.Request{Terms: termsOf("order-1"), Key: "key-1"})
		require.NoError(d.t, err)
		require.True(d.t, created.Replayed)
		require.Len(d.t, d.sim.PaymentIntents(), 1)
		attempts := created.Attempts[created.Charges[0].ID]
		require.Len(d.t, attempts, 1)
		require.Equal(d.t, billing.OutcomeAwaitingCustomer, attempts[0].Outcome)
		require.Equal(d.t, string(attempts[0].ID), attempts[0].IdempotencyKey)
	})
}

func TestAPlanThatStripeRefusesIsGone(t *testing.T) {
	eachEngine(t, func(d *desk) {
		d.gateway.after = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
			return billing.PaymentIntent{}, &billing.GatewayError{Op: "create PaymentIntent", Kind: billing.GatewayRejected, HTTPStatus: 400,
				Failure: billing.Failure{Code: "amount_too_small"}}
		}
		_, err := d.Create(d.t.Context(), planning.Request{Terms: termsOf("order-1"), Key: "key-1"})
		require.ErrorContains(d.t, err, "amount_too_small")
		require.Empty(d.t, d.plans())

		d.gateway.after = nil
		_, err = d.Create(d.t.Context(), planning.Request{Terms: termsOf("order-1"), Key: "key-1"})
		require.NoError(d.t, err, "reference and key are free again")
	})
}

func TestTheClientSecretIsNotStored(t *testing.T) {
	eachEngine(t, func(d *desk) {
		created, err := d.Create(d.t.Context(), planning.Request{Terms: termsOf("order-1")})
		require.NoError(d.t, err)
		require.NotEmpty(d.t, created.FirstPayment.ClientSecret.Reveal())
		again, err := d.Create(d.t.Context(), planning.Request{Terms: termsOf("order-1")})
		require.NoError(d.t, err)
		require.Equal(d.t, created.FirstPayment.ClientSecret, again.FirstPayment.ClientSecret, "fetched anew from Stripe")
	})
}

func TestWhatIsKnownOfTheCustomerIsUsedAndWhatIsNewIsKept(t *testing.T) {
	eachEngine(t, func(d *desk) {
		_, err := d.Create(d.t.Context(), planning.Request{Terms: termsOf("order-1")})
		require.NoError(d.t, err)
		second := termsOf("order-2")
		second.Customer = terms.Customer{Reference: "ada", Name: "Ada Lovelace"}
		created, err := d.Create(d.t.Context(), planning.Request{Terms: second})
		require.NoError(d.t, err)
		require.Equal(d.t, "ada@example.com", created.Customer.Email)
		require.Equal(d.t, "Ada Lovelace", created.Customer.Name)
		require.Equal(d.t, "2026-03-31T08:00:00Z", created.Charges[2].DueAt.Format(time.RFC3339), "in the zone that was given with the first plan")
	})
}

func TestManyCopiesOfOneRequestMakeOnePlan(t *testing.T) {
	eachEngine(t, func(d *desk) {
		ids, faults := make([]billing.PlanID, 8), make([]error, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				created, err := d.Create(d.t.Context(), planning.Request{Terms: termsOf("order-1"), Key: "key-1"})
				ids[i], faults[i] = created.Plan.ID, err
			})
		}
		wg.Wait()
		for i := range ids {
			require.NoError(d.t, faults[i])
			require.Equal(d.t, ids[0], ids[i])
		}
		require.Len(d.t, d.sim.PaymentIntents(), 1)
	})
}

func TestPreviewStoresAndSendsNothing(t *testing.T) {
	eachEngine(t, func(d *desk) {
		draft, err := d.Preview(d.t.Context(), termsOf("order-1"))
		require.NoError(d.t, err)
		require.Len(d.t, draft.Charges, 3)
		require.Empty(d.t, d.plans())
		require.Empty(d.t, d.sim.PaymentIntents())
	})
}

// TestAdopt_SameIDsInARestoredDatabase adopts a PaymentIntent into two independent databases:
// charges that the first one made are found by the second.
func TestAdopt_SameIDsInARestoredDatabase(t *testing.T) {
	eachEngine(t, func(d *desk) {
		pi := billing.PaymentIntent{ID: "pi_1", Status: billing.IntentSucceeded, Amount: 20000, Currency: "eur", CreatedAt: now,
			Metadata: map[string]string{"tranche_kind": "installments", "tranche_reference": "sofa-1", "tranche_total": "60000", "tranche_parts": "3",
				"tranche_every": "1 month", "tranche_customer": "grace"}}
		var ids [][]billing.ChargeID
		for _, s := range []billing.Store{d.store, storetest.SQLite(t)} {
			p := planning.New(planning.Config{Store: s, Gateway: d.gateway, Now: func() time.Time { return now.Add(time.Duration(len(ids)) * time.Hour) }, Rules: billing.Rules{}})
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
	eachEngine(t, func(d *desk) {
		pi := billing.PaymentIntent{ID: "pi_1", Status: billing.IntentSucceeded, Amount: 50000, Currency: "eur", Customer: "cus_1", CreatedAt: now,
			Metadata: map[string]string{"tranche_kind": "deposit", "tranche_reference": "villa-9", "tranche_total": "250000", "tranche_balance_due": "2026-12-20",
				"tranche_customer": "grace", "tranche_timezone": "Europe/Paris"}}
		ids, faults := make([]billing.PlanID, 4), make([]error, 4)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				plan, err := d.Adopt(d.t.Context(), pi)
				ids[i], faults[i] = plan.ID, err
			})
		}
		wg.Wait()
		plan, err := d.Adopt(d.t.Context(), pi)
		require.NoError(d.t, err)
		for i := range ids {
			if faults[i] != nil { // another goroutine created the customer's row at the same time: the event is handled again
				require.ErrorIs(d.t, faults[i], billing.ErrExists)
				continue
			}
			require.Equal(d.t, plan.ID, ids[i])
		}
		require.Len(d.t, d.plans(), 1)
		details, err := billing.LoadDetails(d.t.Context(), d.store, plan.ID)
		require.NoError(d.t, err)
		require.Equal(d.t, "cus_1", details.Customer.StripeCustomer)
		require.Equal(d.t, int64(200000), details.Charges[1].Amount)
		require.Equal(d.t, "2026-12-20T08:00:00Z", details.Charges[1].DueAt.Format(time.RFC3339))

		pi.ID = "pi_2"
		var taken *planning.ReferenceTakenError
		var twice *planning.PaidTwiceError
		_, err = d.Adopt(d.t.Context(), pi)
		require.Error(d.t, err, "the first payment is not recorded yet: handled again")
		require.False(d.t, errors.As(err, &taken) || errors.As(err, &twice))

		require.NoError(d.t, d.store.Update(d.t.Context(), func(tx billing.Tx) error {
			first := details.Charges[0]
			first.Status = billing.ChargeSucceeded
			return tx.UpdateCharge(d.t.Context(), first)
		}))
		_, err = d.Adopt(d.t.Context(), pi)
		require.ErrorAs(d.t, err, &twice)
		require.Equal(d.t, details.Charges[0].ID, twice.Charge.ID)

		pi.Metadata = maps.Clone(pi.Metadata)
		pi.Metadata["tranche_email"] = "other@example.com"
		_, err = d.Adopt(d.t.Context(), pi)
		require.ErrorAs(d.t, err, &taken, "other terms")
		require.Equal(d.t, plan.ID, taken.PlanID)
	})
}

// TestCreate_CustomerDefaults: a new customer gets the merchant's time zone and language unless the
// terms set others; an existing customer keeps its own.
func TestCreate_CustomerDefaults(t *testing.T) {
	eachEngine(t, func(d *desk) {
		german := planning.New(planning.Config{Store: d.store, Gateway: d.gateway, Now: func() time.Time { return now }, Rules: billing.Rules{
			ChargeTime: calendar.LocalTime{Hour: 9}, TimeZone: "Europe/Berlin", Locale: "de-DE",
		}})
		create := func(p *planning.Planner, reference, customer, zone string) billing.Details {
			tm := termsOf(reference)
			tm.Customer = terms.Customer{Reference: customer, TimeZone: zone}
			made, err := p.Create(d.t.Context(), planning.Request{Terms: tm})
			require.NoError(d.t, err)
			again, err := p.Create(d.t.Context(), planning.Request{Terms: tm})
			require.NoError(d.t, err)
			require.True(d.t, again.Replayed)
			return made.Details
		}
		one := create(german, "o-1", "new", "")
		require.Equal(d.t, []string{"Europe/Berlin", "de-DE"}, []string{one.Customer.TimeZone, one.Customer.Locale})
		require.Equal(d.t, 8, one.Charges[1].DueAt.UTC().Hour(), "09:00 in Berlin")
		one = create(german, "o-2", "other", "Asia/Tokyo")
		require.Equal(d.t, []string{"Asia/Tokyo", "de-DE"}, []string{one.Customer.TimeZone, one.Customer.Locale})
		require.Empty(d.t, create(d.Planner, "o-3", "old", "").Customer.TimeZone)
		one = create(german, "o-4", "old", "")
		require.Empty(d.t, one.Customer.TimeZone+one.Customer.Locale, "it is not moved by a setting")
	})
}
