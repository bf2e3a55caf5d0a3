package jobs_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store/storetest"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// post sends a form to the simulator with the secret key, as the merchant's server or dashboard
// would.
func (b *bench) post(path string, fields ...string) map[string]any {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.request(http.MethodPost, path, form)
}

// client is the HTTP client with which the browser and the dashboard call Stripe.
func (b *bench) client() *http.Client {
	if b.Browser.Client != nil {
		return b.Browser.Client
	}
	return http.DefaultClient
}

func (b *bench) request(method, path string, form url.Values) map[string]any {
	b.t.Helper()
	if strings.HasPrefix(path, "/_sim/") && b.Account != "" {
		path += "?account=" + b.Account
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.Browser.BaseURL+path, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	req.Header.Set("Authorization", "Bearer sk_test_bench")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if b.Account != "" {
		req.Header.Set("Stripe-Account", b.Account)
	}
	resp, err := b.client().Do(req)
	require.NoError(b.t, err)
	defer func() { _ = resp.Body.Close() }()
	var answer map[string]any
	require.NoError(b.t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Equal(b.t, http.StatusOK, resp.StatusCode, "%v", answer)
	return answer
}

// refusing passes no call on: its tap decides the answer of every creation and confirmation.
type refusing struct{ billing.Gateway }

// CreatePaymentIntent does nothing.
func (refusing) CreatePaymentIntent(context.Context, string, billing.PaymentParams) (billing.PaymentIntent, error) {
	return billing.PaymentIntent{}, nil
}

// ConfirmPaymentIntent does nothing.
func (refusing) ConfirmPaymentIntent(context.Context, string, billing.PaymentParams) (billing.PaymentIntent, error) {
	return billing.PaymentIntent{}, nil
}

// event returns the last event of a type in the inbox.
func (b *bench) event(eventType string) billing.Event {
	b.t.Helper()
	all, err := b.Store.Events(b.t.Context(), billing.EventFilter{Type: eventType, Limit: 1})
	require.NoError(b.t, err)
	require.NotEmpty(b.t, all, "no %s arrived", eventType)
	return all[0]
}

func TestMetadataOnTheMerchantsOwnPaymentIntentMakesAPlan(t *testing.T) {
	eachEngine(t, func(b *bench) {
		made := b.post("/v1/payment_intents", "amount", "25003", "currency", "usd", "setup_future_usage", "off_session",
			"payment_method_types[]", "card", "metadata[tranche_kind]", "installments", "metadata[tranche_reference]", "order-9",
			"metadata[tranche_total]", "100003", "metadata[tranche_parts]", "4", "metadata[tranche_every]", "1 month",
			"metadata[tranche_customer]", "ada", "metadata[tranche_email]", "ada@example.com")
		secret := billing.Secret(made["client_secret"].(string))
		require.Error(b.t, b.Pay(secret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: neverFunds}}))
		b.Settle()
		_, err := b.Store.PlanByReference(b.t.Context(), "order-9")
		require.ErrorIs(b.t, err, billing.ErrNotFound, "no plan before it is paid")

		require.NoError(b.t, b.Pay(secret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}}))
		b.Settle()
		plan, err := b.Store.PlanByReference(b.t.Context(), "order-9")
		require.NoError(b.t, err)
		d := b.Details(plan.ID)
		require.Equal(b.t, billing.PlanActive, d.Plan.Status)
		require.Equal(b.t, made["id"], d.Charges[0].PaymentIntent)
		require.Equal(b.t, []int64{25003, 25000, 25000, 25000}, []int64{d.Charges[0].Amount, d.Charges[1].Amount, d.Charges[2].Amount, d.Charges[3].Amount})
		require.Equal(b.t, "ada@example.com", d.Customer.Email)
		b.Advance(95)
		require.Equal(b.t, billing.PlanCompleted, b.Details(plan.ID).Plan.Status)
	})
}

func TestMetadataThatMakesNoSenseIsKeptForAnOperator(t *testing.T) {
	for name, tc := range map[string]struct{ key, value, says string }{
		"parts":     {"tranche_parts", "four", "tranche_parts"},
		"kind":      {"tranche_kind", "lease", "tranche_kind"},
		"total":     {"tranche_total", "100", "tranche_total"},
		"every":     {"tranche_every", "full moon", "tranche_every"},
		"timezone":  {"tranche_timezone", "Mars/Olympus", "tranche_timezone"},
		"reference": {"tranche_reference", "order-1", "belongs to plan"},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				taken := b.Plan(nil)
				fields := map[string]string{
					"tranche_kind": "installments", "tranche_reference": "order-9", "tranche_total": "100003", "tranche_parts": "4",
					"tranche_every": "1 month", "tranche_customer": "grace",
				}
				fields[tc.key] = tc.value
				form := url.Values{"amount": {"25003"}, "currency": {"usd"}, "setup_future_usage": {"off_session"}, "payment_method_types[]": {"card"}}
				for k, v := range fields {
					form.Set("metadata["+k+"]", v)
				}
				made := b.request(http.MethodPost, "/v1/payment_intents", form)
				require.NoError(b.t, b.Pay(billing.Secret(made["client_secret"].(string)), stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}}))
				b.Settle()
				e := b.event("payment_intent.succeeded")
				require.Equal(b.t, billing.EventFailed, e.Status)
				require.Contains(b.t, e.Reason, tc.says)
				plans, err := b.Store.Plans(b.t.Context(), billing.PlanFilter{})
				require.NoError(b.t, err)
				require.Len(b.t, plans, 1)
				require.Equal(b.t, taken.Plan.ID, plans[0].ID)
			})
		})
	}
}

// outcomeOfLife is the result that must not depend on the order of events.
type outcomeOfLife struct {
	Plan     billing.PlanStatus
	Charges  []billing.ChargeStatus
	Attempts []int
	Notices  map[billing.NoticeKind]int
	Stripe   int64
	Mails    int
}

// lifetime simulates a plan whose card needs authentication each time. If chance is set, every
// event arrives three times, and the events of each fortnight arrive in random order.
func lifetime(t *testing.T, chance *rand.Rand) outcomeOfLife {
	b := newBench(t, storetest.SQLite(t))
	p := b.Plan(func(t *terms.Terms) { t.Parts = 3 })
	require.NoError(t, b.PayFirst(p, authAlways))
	var held [][]byte
	release := func() {
		held = append(held, b.Arrived()...)
		if chance != nil {
			held = append(held, append(held, held...)...)
			chance.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
		}
		for _, body := range held {
			b.TakeIn(body)
			if chance == nil || chance.IntN(2) == 0 {
				b.RunDue()
			}
		}
		held = nil
		b.Settle()
	}
	release()
	for day := range 70 {
		b.SetNow(b.Now().Add(24 * time.Hour))
		b.RunDue()
		for _, c := range b.Details(p.Plan.ID).Charges {
			if c.Status != billing.ChargeRequiresAction {
				continue
			}
			pi, err := b.Gateway.PaymentIntent(b.OnAccount(), c.PaymentIntent)
			require.NoError(t, err)
			if pi.Status != billing.IntentSucceeded {
				require.NoError(t, b.Pay(pi.ClientSecret, stripesim.PaymentDetails{PaymentMethod: pi.LastErrorPaymentMethod}))
			}
		}
		if day%14 == 13 {
			release()
		}
	}
	release()
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

func TestACardRemovedAtStripeIsNotCharged(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		card, err := b.Store.Card(b.t.Context(), b.Details(p.Plan.ID).Plan.CardID)
		require.NoError(b.t, err)
		b.post("/v1/payment_methods/" + card.PaymentMethod + "/detach")
		b.Settle()
		card, err = b.Store.Card(b.t.Context(), card.ID)
		require.NoError(b.t, err)
		require.Equal(b.t, billing.CardDetached, card.Status)
		require.Equal(b.t, "4242", card.Last4, "the ledger still names it")
		calls := b.Gateway.Calls
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		require.Equal(b.t, calls, b.Gateway.Calls)
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, b.Charge(p.Plan.ID, 2).Status)
	})
}

func TestACardRenewedByTheNetworkIsKeptUpToDate(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		card, err := b.Store.Card(b.t.Context(), b.Details(p.Plan.ID).Plan.CardID)
		require.NoError(b.t, err)
		require.NoError(b.t, b.Sim.UpdateCard(card.PaymentMethod, 5, 2048))
		b.Settle()
		card, err = b.Store.Card(b.t.Context(), card.ID)
		require.NoError(b.t, err)
		require.Equal(b.t, []int{5, 2048}, []int{card.ExpMonth, card.ExpYear})
	})
}

func TestACustomerDeletedAtStripeIsAskedForACard(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.request(http.MethodDelete, "/v1/customers/"+b.StripeCustomer(p.Plan.ID), nil)
		b.Settle()
		require.Empty(b.t, b.StripeCustomer(p.Plan.ID))
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		c := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, c.Status)

		pi := b.Plan(func(t *terms.Terms) { t.Reference = "order-2" })
		require.NoError(b.t, b.PayFirst(pi, good), "and may pay by plan again")
		b.Settle()
		require.NotEmpty(b.t, b.StripeCustomer(pi.Plan.ID))
	})
}

func TestASetupIntentGivesTheCustomersPlansANewCard(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		old := b.Details(p.Plan.ID).Plan.CardID
		b.newCard(p.Plan.ID, good)
		b.Settle()
		require.NotEqual(b.t, old, b.Details(p.Plan.ID).Plan.CardID)
		b.Advance(95)
		require.Equal(b.t, billing.PlanCompleted, b.Details(p.Plan.ID).Plan.Status)
	})
}

func TestAFirstPaymentCanceledAtStripeEndsThePlan(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Plan(nil)
		b.post("/v1/payment_intents/"+p.FirstPayment.ID+"/cancel", "cancellation_reason", "abandoned")
		b.Settle()
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.PlanCanceled, d.Plan.Status)
		for _, c := range d.Charges {
			require.Equal(b.t, billing.ChargeCanceled, c.Status)
		}
	})
}

func TestALaterPaymentCanceledAtStripeIsNotCollected(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		b.post("/v1/payment_intents/" + b.Charge(p.Plan.ID, 2).PaymentIntent + "/cancel")
		b.Settle()
		c := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeCanceled, c.Status)
		require.True(b.t, c.NextAttemptAt.IsZero())
		require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status)
	})
}

func TestEventsOfOthersAreIgnoredWithAReason(t *testing.T) {
	eachEngine(t, func(b *bench) {
		made := b.post("/v1/payment_intents", "amount", "500", "currency", "usd", "payment_method_types[]", "card")
		require.NoError(b.t, b.Pay(billing.Secret(made["client_secret"].(string)), stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}}))
		b.Settle()
		e := b.event("payment_intent.succeeded")
		require.Equal(b.t, billing.EventIgnored, e.Status)
		require.Contains(b.t, e.Reason, "no plan")
		require.Equal(b.t, billing.EventIgnored, b.event("charge.succeeded").Status)
	})
}

func TestAnEventWaitsForStripeToComeBack(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Plan(nil)
		require.NoError(b.t, b.PayFirst(p, good))
		b.TakeIn(b.Arrived()...)
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionRateLimit, Method: "GET", Path: "/v1/payment_intents/*", Count: 3}))
		b.RunDue()
		e := b.event("payment_intent.succeeded")
		require.Equal(b.t, billing.EventPending, e.Status)
		require.Equal(b.t, 1, e.Attempts)
		require.NotEmpty(b.t, e.Reason)
		require.True(b.t, e.ClaimAfter.After(b.Now()))
		for range 5 {
			b.SetNow(b.Now().Add(time.Minute))
			b.RunDue()
		}
		require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status)
	})
}

func TestACardThatCanNotBeSavedDoesNotHideThePayment(t *testing.T) {
	eachEngine(t, func(b *bench) {
		made := b.post("/v1/payment_intents", "amount", "25000", "currency", "usd", "payment_method_types[]", "card",
			"metadata[tranche_kind]", "installments", "metadata[tranche_total]", "100000", "metadata[tranche_parts]", "4",
			"metadata[tranche_every]", "1 month", "metadata[tranche_reference]", "order-9", "metadata[tranche_email]", "ada@example.com")
		require.NoError(b.t, b.Pay(billing.Secret(made["client_secret"].(string)), stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}}),
			"without setup_future_usage: the merchant forgot it")
		b.Settle()
		plan, err := b.Store.PlanByReference(b.t.Context(), "order-9")
		require.NoError(b.t, err)
		require.Equal(b.t, billing.PlanActive, plan.Status)
		require.Empty(b.t, plan.CardID)
		b.SetNow(b.Charge(plan.ID, 2).DueAt)
		b.Settle()
		c := b.Charge(plan.ID, 2)
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, c.Status)
		require.Contains(b.t, c.Reason, "no card")
	})
}
