package contract_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-mock/embedded"
	"github.com/stripe/stripe-mock/server"
	"github.com/stripe/stripe-mock/spec"

	"tranche/internal/billing"
)

// anyID is an id in a path.
var anyID = regexp.MustCompile(`/(pi|pm|cus|seti)_[^/]+`)

func decoded(t *testing.T, r io.Reader) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.NewDecoder(r).Decode(&out))
	return out
}

// stub is Stripe's own mock: it checks parameters, keeps no state, and answers with fixtures.
type stub struct {
	mu       sync.Mutex
	server   *server.StubServer
	statuses map[int]int
}

func newStub(t *testing.T) *stub {
	t.Helper()
	var description spec.Spec
	var fixtures spec.Fixtures
	require.NoError(t, json.Unmarshal(embedded.OpenAPISpec, &description))
	require.NoError(t, json.Unmarshal(embedded.OpenAPIFixtures, &fixtures))
	made, err := server.NewStubServer(&fixtures, &description, true, false)
	require.NoError(t, err)
	return &stub{server: made, statuses: map[int]int{}}
}

// ServeHTTP passes a request to the mock, which is not documented as safe for concurrent use.
func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	s.server.HandleRequest(seen, r)
	s.statuses[seen.status]++
}

// statusWriter records the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader records the status.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// refused counts the responses that were not successful.
func (s *stub) refused() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	other := map[int]int{}
	for status, count := range s.statuses {
		if status != http.StatusOK {
			other[status] = count
		}
	}
	return other
}

func TestTheStubTakesEveryCall(t *testing.T) {
	t.Parallel()
	stripe := newStub(t)
	g := openShop(t, stripe, newClock(), nothingArrives).gateway
	ctx := t.Context()
	first := billing.PaymentParams{
		Amount: 50002, Currency: "usd", Customer: "cus_1", SaveCard: true, Description: "Order 7",
		Metadata: map[string]string{billing.MetaReference: "order-7"},
	}
	later := billing.PaymentParams{
		Amount: 50001, Currency: "usd", Customer: "cus_1", PaymentMethod: "pm_1", OffSession: true, Description: "order-7 (2 of 2)",
		Metadata: map[string]string{billing.MetaAttempt: "att_1"},
	}
	for name, call := range map[string]func() error{
		"first payment": func() error { _, err := g.CreatePaymentIntent(ctx, "k1", first); return err },
		"later payment": func() error { _, err := g.CreatePaymentIntent(ctx, "k2", later); return err },
		"retry": func() error {
			_, err := g.ConfirmPaymentIntent(ctx, "k3", billing.PaymentParams{PaymentIntent: "pi_1", PaymentMethod: "pm_1", OffSession: true})
			return err
		},
		"retry without set-up": func() error {
			_, err := g.ConfirmPaymentIntent(ctx, "k4", billing.PaymentParams{PaymentIntent: "pi_1", PaymentMethod: "pm_1", ClearSetup: true})
			return err
		},
		"cancel": func() error { _, err := g.CancelPaymentIntent(ctx, "k5", "pi_1"); return err },
		"refund": func() error {
			_, err := g.CreateRefund(ctx, "k5r", billing.RefundParams{PaymentIntent: "pi_1", Metadata: map[string]string{"tranche_refund": "rfd_1"}})
			return err
		},
		"get": func() error { _, err := g.PaymentIntent(ctx, "pi_1"); return err },
		"find": func() error {
			each := func(billing.PaymentIntent) bool { return true }
			_, err := g.FindPaymentIntent(ctx, "cus_1", time.Unix(1767225600, 0), each)
			return err
		},
		"payment":         func() error { _, err := g.Payment(ctx, "pi_1"); return err },
		"setup":           func() error { _, err := g.SetupIntent(ctx, "seti_1"); return err },
		"cancel a set-up": func() error { _, err := g.CancelSetupIntent(ctx, "k5s", "seti_1"); return err },
		"method":          func() error { _, err := g.PaymentMethod(ctx, "pm_1"); return err },
		"attach":          func() error { _, err := g.AttachPaymentMethod(ctx, "k6", "pm_1", "cus_1"); return err },
		"customer": func() error {
			_, err := g.CreateCustomer(ctx, "k7", billing.CustomerParams{PaymentMethod: "pm_1", Email: "a@b.c", Name: "Ada", Metadata: map[string]string{"a": "b"}})
			return err
		},
		"update customer": func() error {
			return g.UpdateCustomer(ctx, "k8", "cus_1", billing.CustomerParams{Email: "b@b.c"})
		},
		"exists": func() error { _, err := g.CustomerExists(ctx, "cus_1"); return err },
	} {
		require.NoError(t, call(), name)
	}
	require.Empty(t, stripe.refused())
}

// TestOnePaymentIntentForEverybody makes two plans at a server that always returns the same
// PaymentIntent, and pays one of them: one payment never pays two plans.
func TestOnePaymentIntentForEverybody(t *testing.T) {
	t.Parallel()
	var hooks [][]byte
	intent := `{"id":"pi_1","object":"payment_intent","status":"succeeded","amount":50002,"currency":"usd","client_secret":"pi_1_secret_x"}`
	stripe := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, intent) })
	s := openShop(t, stripe, newClock(), func() [][]byte { taken := hooks; hooks = nil; return taken })
	one, two := s.plan("order-1"), s.plan("order-2")
	hooks = [][]byte{[]byte(`{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1"}}}`)}
	s.live(60)
	require.ElementsMatch(t, [][]string{needsCard, {"requires_payment_method", "scheduled", "awaiting_first_payment"}},
		[][]string{s.statuses(one.Plan.ID), s.statuses(two.Plan.ID)})
}

func nothingArrives() [][]byte { return nil }

// TestTheStubsEvents makes two plans, whose first payments have the same id at the stub, and stores
// events about objects that do not exist: nothing is paid, nothing is charged, and no event is
// retried endlessly.
func TestTheStubsEvents(t *testing.T) {
	t.Parallel()
	stripe := newStub(t)
	var hooks [][]byte
	s := openShop(t, stripe, newClock(), func() [][]byte { taken := hooks; hooks = nil; return taken })
	one, two := s.plan("order-1"), s.plan("order-2")
	require.NotEmpty(t, one.FirstPayment.ID)
	require.NotEmpty(t, two.FirstPayment.ClientSecret)
	objects := map[string]string{
		"payment_intent.succeeded": "pi_made_up", "payment_intent.payment_failed": "pi_made_up", "payment_intent.requires_action": "pi_made_up",
		"payment_intent.canceled": "pi_made_up", "payment_intent.processing": "pi_made_up", "setup_intent.succeeded": "seti_made_up",
		"payment_method.attached": "pm_made_up", "payment_method.detached": "pm_made_up", "payment_method.updated": "pm_made_up",
		"payment_method.automatically_updated": "pm_made_up", "customer.deleted": "cus_made_up", "charge.refunded": "ch_made_up",
	}
	for kind, id := range objects {
		hooks = append(hooks, fmt.Appendf(nil, `{"id":"evt_%s","object":"event","type":%q,"created":1,"data":{"object":{"id":%q}}}`, kind, kind, id))
	}
	for i, id := range []string{one.FirstPayment.ID, two.FirstPayment.ID} { // and about one of ours
		hooks = append(hooks, fmt.Appendf(nil, `{"id":"evt_own_%d","type":"payment_intent.succeeded","data":{"object":{"id":%q}}}`, i, id))
	}
	s.live(60)
	for _, p := range s.plans {
		require.Equal(t, []string{"requires_payment_method", "scheduled", "awaiting_first_payment"}, s.statuses(p))
	}
	events, err := s.store.Events(t.Context(), billing.EventFilter{})
	require.NoError(t, err)
	require.Len(t, events, len(objects)+2)
	for _, e := range events {
		require.NotEqual(t, billing.EventPending, e.Status, "%s: %s", e.Type, e.Reason)
		require.True(t, e.Status == billing.EventHandled || e.Reason != "", "%s says why", e.Type)
	}
	require.Empty(t, stripe.refused())
}

// TestTheStubsCharges charges a card at a server without outcomes: every PaymentIntent keeps
// waiting for a card after each request. The retries are used up, and the charge is given up with a
// reason.
func TestTheStubsCharges(t *testing.T) {
	t.Parallel()
	stripe := newStub(t)
	s := openShop(t, stripe, newClock(), nothingArrives)
	p := s.plan("order-1")
	s.payByHand(p.Plan.ID)
	s.live(80)
	d := s.details(p.Plan.ID)
	require.Equal(t, billing.ChargeFailed, d.Charges[1].Status, d.Charges[1].Reason)
	require.NotEmpty(t, d.Charges[1].Reason)
	require.Less(t, len(d.Attempts[d.Charges[1].ID]), 9)
	require.Empty(t, stripe.refused())
}

// payByHand does what the first payment's webhook would: it saves a card for the customer and
// activates the plan.
func (s *shop) payByHand(id billing.PlanID) {
	s.t.Helper()
	now := s.clock.Now()
	require.NoError(s.t, s.store.Update(s.t.Context(), func(tx billing.Tx) error {
		plan, err := tx.LockPlan(s.t.Context(), id)
		if err != nil {
			return err
		}
		charges, err := tx.PlanCharges(s.t.Context(), id)
		if err != nil {
			return err
		}
		card := billing.Card{
			ID: billing.NewCardID(now), CustomerID: plan.CustomerID, PaymentMethod: "pm_1", StripeCustomer: "cus_1", Status: billing.CardActive,
			Brand: "visa", Last4: "4242", ExpMonth: 12, ExpYear: 2040, CreatedAt: now, UpdatedAt: now,
		}
		if err := tx.InsertCard(s.t.Context(), card); err != nil {
			return err
		}
		plan.CardID, plan.Status, plan.ActivatedAt = card.ID, billing.PlanActive, now
		if err := tx.UpdatePlan(s.t.Context(), plan); err != nil {
			return err
		}
		first, second := charges[0], charges[1]
		first.Status, first.PaidAt, first.Reason = billing.ChargeSucceeded, now, ""
		second.NextAttemptAt, second.ClaimAfter = second.DueAt, second.DueAt
		if err := tx.UpdateCharge(s.t.Context(), first); err != nil {
			return err
		}
		return tx.UpdateCharge(s.t.Context(), second)
	}))
}
