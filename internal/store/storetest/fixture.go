package storetest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
)

// fixture is a store and what tests put into it.
type fixture struct {
	billing.Store
	t   *testing.T
	now time.Time
}

func newFixture(t *testing.T, s billing.Store) *fixture {
	t.Helper()
	t.Cleanup(func() { _ = s.Close() })
	return &fixture{Store: s, t: t, now: time.Date(2026, 3, 1, 9, 30, 0, 123e6, time.UTC)}
}

// update runs fn in a transaction that must succeed.
func (f *fixture) update(fn func(tx billing.Tx) error) {
	f.t.Helper()
	require.NoError(f.t, f.Update(f.t.Context(), fn))
}

// customer adds a customer.
func (f *fixture) customer() billing.Customer {
	f.t.Helper()
	id := billing.NewCustomerID(f.now)
	c := billing.Customer{ID: id, Reference: "ref-" + string(id), CreatedAt: f.now, UpdatedAt: f.now, Version: 1}
	f.update(func(tx billing.Tx) error { return tx.InsertCustomer(f.t.Context(), c) })
	return c
}

// newPlan makes a plan with charges that wake one second after another, beginning now. Nothing is
// stored.
func (f *fixture) newPlan(customer billing.CustomerID, charges int) (billing.Plan, []billing.Charge) {
	id := billing.NewPlanID(f.now)
	p := billing.Plan{
		ID: id, Reference: "ref-" + string(id), CustomerID: customer, Kind: billing.KindInstallments,
		Status: billing.PlanActive, Currency: "usd", Total: max(int64(charges)*100, 1), Terms: []byte(`{}`),
		CreatedAt: f.now, UpdatedAt: f.now, Version: 1,
	}
	list := make([]billing.Charge, charges)
	for i := range list {
		at := f.now.Add(time.Duration(i) * time.Second)
		list[i] = billing.Charge{
			ID: billing.NewChargeID(f.now), PlanID: id, CustomerID: customer, Sequence: i + 1, Amount: 100, Currency: "usd",
			DueAt: at, Status: billing.ChargeScheduled, NextAttemptAt: at, ClaimAfter: at,
			CreatedAt: f.now, UpdatedAt: f.now, Version: 1,
		}
	}
	return p, list
}

// plan adds a plan of a customer of its own.
func (f *fixture) plan(charges int) (billing.Plan, []billing.Charge) {
	f.t.Helper()
	p, list := f.newPlan(f.customer().ID, charges)
	f.update(func(tx billing.Tx) error { return tx.InsertPlan(f.t.Context(), p, list) })
	return p, list
}

// newAttempt makes an attempt at a charge with nothing optional in it.
func (f *fixture) newAttempt(charge billing.ChargeID, number int, o billing.Outcome) billing.Attempt {
	return billing.Attempt{
		ID: billing.AttemptIDFor(charge, number, billing.InitiatorMerchant), ChargeID: charge, Number: number, Initiator: billing.InitiatorMerchant,
		Outcome: o, CreatedAt: f.now,
	}
}

// newNotice makes a pending notice of a charge that wakes now.
func (f *fixture) newNotice(c billing.Charge, step string) billing.Notice {
	return billing.Notice{
		ID: billing.NewNoticeID(f.now), Kind: billing.NoticePaymentFailed, PlanID: c.PlanID, ChargeID: c.ID,
		CustomerID: c.CustomerID, Step: step, Channel: billing.ChannelEmail, Status: billing.NoticePending,
		ClaimAfter: f.now, CreatedAt: f.now,
	}
}

// notice adds a notice.
func (f *fixture) notice(n billing.Notice) {
	f.t.Helper()
	f.update(func(tx billing.Tx) error {
		added, err := tx.InsertNotice(f.t.Context(), n)
		require.True(f.t, added)
		return err
	})
}

// newEvents makes pending events that were received and wake one millisecond after another,
// beginning now.
func (f *fixture) newEvents(n int) []billing.Event {
	list := make([]billing.Event, n)
	for i := range list {
		at := f.now.Add(time.Duration(i) * time.Millisecond)
		list[i] = billing.Event{
			ID: fmt.Sprintf("evt_%05d", i), Type: "payment_intent.succeeded", ReceivedAt: at,
			Status: billing.EventPending, ClaimAfter: at, Payload: []byte(`{}`),
		}
	}
	return list
}

// events adds events.
func (f *fixture) events(list []billing.Event) {
	f.t.Helper()
	_, err := f.InsertEvents(f.t.Context(), list)
	require.NoError(f.t, err)
}

// fill sets every field of what dst points to, to something that differs from seed to seed. A field
// that is added to a type is thereby tested without anybody thinking of it.
func fill(dst any, seed int) {
	n := seed * 1000
	fillValue(reflect.ValueOf(dst).Elem(), &n)
}

func fillValue(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		at := time.Date(2026, 1, 1, 0, 0, *n, (*n%1000)*int(time.Millisecond), time.UTC)
		v.Set(reflect.ValueOf(at))
		return
	case calendar.Date:
		v.Set(reflect.ValueOf(calendar.Date{Year: 2026, Month: time.March, Day: 1}.AddDays(*n)))
		return
	case calendar.LocalTime:
		v.Set(reflect.ValueOf(calendar.LocalTime{Hour: *n % 24, Minute: *n % 60}))
		return
	case calendar.Interval:
		v.Set(reflect.ValueOf(calendar.Interval{Count: *n%90 + 2, Unit: "month"}))
		return
	case []byte:
		v.SetBytes(fmt.Appendf(nil, `{"b": %d, "a": "é\u0000"}`, *n)) // neither sorted nor compact: kept as it is
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("Wört 'n' \"q\" %%s $1 %d", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{fmt.Sprint("key", *n): "value"}))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fillValue(v.Index(i), n)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			fillValue(field, n)
		}
	default:
		panic("storetest can't fill a " + v.Type().String())
	}
}
