package contract_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/operator"
	"tranche/internal/planning"
	"tranche/internal/stripesim"
	"tranche/internal/stripesim/contract"
)

// checkedSim is a simulator whose requests from the shop, and responses, are checked against the
// description.
type checkedSim struct {
	t       *testing.T
	sim     *stripesim.Server
	browser *stripesim.Browser

	mu     sync.Mutex
	broken []contract.Violation
	seen   map[string]bool
	hooks  [][]byte
}

func openCheckedShop(t *testing.T) (*shop, *checkedSim) {
	t.Helper()
	rules, err := load()
	require.NoError(t, err)
	wall := newClock()
	c := &checkedSim{t: t, seen: map[string]bool{}}
	arrivals := httptest.NewServer(http.HandlerFunc(c.keep))
	t.Cleanup(arrivals.Close)
	c.sim = stripesim.New(stripesim.Options{
		Now: wall.Now, OmitAdvice: true, WebhookConcurrency: 1,
		Webhooks: []stripesim.WebhookEndpoint{{URL: arrivals.URL, Secret: "whsec_test"}},
	})
	t.Cleanup(c.sim.Close)
	checked, err := rules.Requests(rules.Responses(c.sim, c.report), c.report)
	require.NoError(t, err)
	s := openShop(t, c.note(checked), wall, c.arrived)
	page := httptest.NewServer(c.sim)
	t.Cleanup(page.Close)
	c.browser = &stripesim.Browser{BaseURL: page.URL}
	return s, c
}

func (c *checkedSim) keep(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hooks = append(c.hooks, body)
}

func (c *checkedSim) report(v contract.Violation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = append(c.broken, v)
}

// note records which kinds of requests were made.
func (c *checkedSim) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.seen[r.Method+" "+anyID.ReplaceAllString(r.URL.Path, "/*")] = true
		c.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

func (c *checkedSim) arrived() [][]byte {
	c.t.Helper()
	require.NoError(c.t, c.sim.Drain(c.t.Context()))
	c.mu.Lock()
	defer c.mu.Unlock()
	hooks := c.hooks
	c.hooks = nil
	return hooks
}

// pay does the part of the customer's browser: it confirms, and passes the challenge if there is
// one.
func (c *checkedSim) pay(secret billing.Secret, number string) error {
	c.t.Helper()
	intent, err := c.browser.ConfirmCardPayment(c.t.Context(), secret.Reveal(),
		stripesim.PaymentDetails{Card: &stripesim.Card{Number: number}, SetupFutureUsage: "off_session"})
	if err == nil && intent.Status == "requires_action" {
		_, err = c.browser.Authenticate(c.t.Context(), intent, true)
	}
	return err
}

// post sends a request as the merchant's own server.
func (c *checkedSim) post(path string, form url.Values) map[string]any {
	c.t.Helper()
	resp, err := http.DefaultClient.Do(request(c.t, c.browser.BaseURL+path, form.Encode()))
	require.NoError(c.t, err)
	defer func() { _ = resp.Body.Close() }()
	return decoded(c.t, resp.Body)
}

// TestEveryRequestOfOursFitsTheDescription runs the real code through all its calls to Stripe:
// first payments, saving cards for new and known customers, charges, declines, retries, lost
// responses and webhooks.
func TestEveryRequestOfOursFitsTheDescription(t *testing.T) {
	t.Parallel()
	s, stripe := openCheckedShop(t)
	t.Run("charge, decline, retry, recovery", func(*testing.T) { stripe.declines(s) })
	t.Run("an unknown outcome is looked up", func(*testing.T) { stripe.lookUp(s) })
	t.Run("a known customer and a card of the merchant's checkout", func(*testing.T) { stripe.knownCustomer(s) })
	t.Run("set up, removed, deleted, canceled", func(*testing.T) { stripe.lives(s) })
	t.Run("a card without a payment, money passed on, a refund and a warning", func(*testing.T) { stripe.passedOn(s) })
	require.Empty(t, stripe.broken)
	for _, call := range []string{
		"POST /v1/payment_intents", "POST /v1/payment_intents/*/confirm", "POST /v1/payment_intents/*/cancel", "GET /v1/payment_intents/*",
		"GET /v1/payment_intents", "POST /v1/customers", "GET /v1/customers/*", "GET /v1/payment_methods/*",
		"POST /v1/payment_methods/*/attach", "GET /v1/setup_intents/*", "POST /v1/setup_intents", "POST /v1/payment_methods/*/detach",
		"POST /v1/refunds",
	} {
		require.True(t, stripe.seen[call], "%s was not tried", call)
	}
}

// passedOn saves a card with a SetupIntent, passes a payment on to a connected account and refunds
// it.
func (c *checkedSim) passedOn(s *shop) {
	c.t.Helper()
	c.sim.Connect("acct_1")
	t := twoParts("passed-on", "cust-passed-on")
	t.Starts = calendar.DateOf(s.clock.Now(), time.UTC).AddDays(3).String()
	t.Connect = &billing.Connect{TransferDestination: "acct_1", OnBehalfOf: "acct_1", ApplicationFee: 100}
	p, err := s.planner.Create(c.t.Context(), planning.Request{Terms: t})
	require.NoError(c.t, err)
	s.plans = append(s.plans, p.Plan.ID)
	_, err = c.browser.ConfirmCardSetup(c.t.Context(), p.Setup.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: cardGood}})
	require.NoError(c.t, err)
	s.settle()
	s.live(5)
	first := s.details(p.Plan.ID).Charges[0]
	require.Equal(c.t, billing.ChargeSucceeded, first.Status)
	_, err = c.sim.WarnOfFraud(first.PaymentIntent)
	require.NoError(c.t, err)
	s.settle()
	require.Equal(c.t, billing.PlanPaused, s.details(p.Plan.ID).Plan.Status)
	_, err = operator.New(s.store, s.clock.Now, billing.Rules{}).CancelAndRefund(c.t.Context(), p.Plan.ID, "")
	require.NoError(c.t, err)
	s.settle()
	require.Equal(c.t, billing.ChargeRefunded, s.details(p.Plan.ID).Charges[0].Status)
}

// declines retries on schedule, also after the customer's own try left setup_future_usage on the
// PaymentIntent.
func (c *checkedSim) declines(s *shop) {
	c.t.Helper()
	p := s.plan("declines")
	require.NoError(c.t, c.pay(p.FirstPayment.ClientSecret, cardThenNoFunds))
	s.live(32)
	second := s.details(p.Plan.ID).Charges[1]
	require.Equal(c.t, billing.ChargeRetrying, second.Status)
	pi, err := s.gateway.PaymentIntent(c.t.Context(), second.PaymentIntent)
	require.NoError(c.t, err)
	require.Error(c.t, c.pay(pi.ClientSecret, cardNeverFunds))
	s.live(30)
	require.Equal(c.t, billing.ChargeFailed, s.details(p.Plan.ID).Charges[1].Status)
	require.NoError(c.t, c.pay(pi.ClientSecret, cardAuthAlways))
	s.settle()
	require.Equal(c.t, []string(paid), s.statuses(p.Plan.ID))
}

// lookUp loses a response until Stripe has forgotten the key.
func (c *checkedSim) lookUp(s *shop) {
	c.t.Helper()
	p := s.plan("lost")
	require.NoError(c.t, c.pay(p.FirstPayment.ClientSecret, cardGood))
	s.settle()
	require.NoError(c.t, c.sim.AddFault(stripesim.FaultRule{
		Action: stripesim.ActionServerErrorExecuted, Method: "POST", Path: "/v1/payment_intents", Count: 1,
	}))
	s.clock.set(s.details(p.Plan.ID).Charges[1].DueAt)
	for range 30 { // the webhook is late: only the worker can find out
		s.runDue()
		s.clock.set(s.clock.Now().Add(time.Hour))
	}
	require.Equal(c.t, []string(paid), s.statuses(p.Plan.ID))
	s.settle()
}

// knownCustomer pays a PaymentIntent that the merchant created without the Stripe customer that we
// know.
func (c *checkedSim) knownCustomer(s *shop) {
	c.t.Helper()
	made := c.post("/v1/payment_intents", url.Values{
		"amount": {"25003"}, "currency": {"usd"}, "setup_future_usage": {"off_session"}, "payment_method_types[]": {"card"},
		"metadata[tranche_kind]": {"installments"}, "metadata[tranche_reference]": {"known"}, "metadata[tranche_total]": {"100003"},
		"metadata[tranche_parts]": {"4"}, "metadata[tranche_every]": {"1 month"}, "metadata[tranche_customer]": {"cust-lost"},
	})
	require.NoError(c.t, c.pay(billing.Secret(made["client_secret"].(string)), cardAuthOnce))
	s.settle()
	plan, err := s.store.PlanByReference(c.t.Context(), "known")
	require.NoError(c.t, err)
	s.plans = append(s.plans, plan.ID)
	s.live(95)
	require.Equal(c.t, billing.PlanCompleted, s.details(plan.ID).Plan.Status)
}

// lives makes the calls for cards, customers and PaymentIntents that are not part of a charge.
func (c *checkedSim) lives(s *shop) {
	c.t.Helper()
	p := s.plan("lives")
	require.NoError(c.t, c.pay(p.FirstPayment.ClientSecret, cardThenNoFunds))
	s.settle()
	customer := s.details(p.Plan.ID).Customer.StripeCustomer
	setup, err := s.gateway.CreateSetupIntent(c.t.Context(), "setup-1", billing.SetupParams{
		Customer: customer, Description: "lives", Metadata: map[string]string{billing.MetaCustomer: "cust-lives", billing.MetaPlan: string(p.Plan.ID)},
	})
	require.NoError(c.t, err)
	_, err = c.browser.ConfirmCardSetup(c.t.Context(), setup.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: cardGood}})
	require.NoError(c.t, err)
	s.settle()
	card, err := s.store.Card(c.t.Context(), s.details(p.Plan.ID).Plan.CardID)
	require.NoError(c.t, err)
	require.Equal(c.t, "4242", card.Last4)
	require.NoError(c.t, s.gateway.DetachPaymentMethod(c.t.Context(), "detach-1", card.PaymentMethod))
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodDelete, c.browser.BaseURL+"/v1/customers/"+customer, nil)
	require.NoError(c.t, err)
	request.Header.Set("Authorization", "Bearer sk_test_contract")
	resp, err := http.DefaultClient.Do(request)
	require.NoError(c.t, err)
	require.NoError(c.t, resp.Body.Close())
	s.live(40)
	require.Equal(c.t, []string(needsCard), s.statuses(p.Plan.ID))
	disputed := s.plan("disputed")
	require.NoError(c.t, c.pay(disputed.FirstPayment.ClientSecret, "4000000000000259"))
	s.settle()
	require.Equal(c.t, "disputed", s.statuses(disputed.Plan.ID)[0])
	open := s.plan("open")
	_, err = s.gateway.CancelPaymentIntent(c.t.Context(), "cancel-open", open.FirstPayment.ID)
	require.NoError(c.t, err)
	s.settle()
	require.Equal(c.t, []string{"canceled", "canceled", "canceled"}, s.statuses(open.Plan.ID))
	c.livesWithoutAFirstPayment(s)
}

// livesWithoutAFirstPayment makes the calls of plans whose card is set up, or named in the request.
func (c *checkedSim) livesWithoutAFirstPayment(s *shop) {
	c.t.Helper()
	later := twoParts("later", "cust-later")
	later.Starts = s.clock.Now().AddDate(0, 0, 10).Format(time.DateOnly)
	p := s.create(later)
	_, err := c.browser.ConfirmCardSetup(c.t.Context(), p.Setup.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: cardGood}})
	require.NoError(c.t, err)
	s.settle()
	require.Equal(c.t, billing.PlanActive, s.details(p.Plan.ID).Plan.Status)

	saved := twoParts("on-a-saved-card", "cust-later")
	saved.Card = "default"
	now := s.create(saved)
	s.settle()
	require.Equal(c.t, []string{"succeeded", "scheduled", "active"}, s.statuses(now.Plan.ID))

	never := twoParts("never", "cust-never")
	never.Starts = later.Starts
	dropped := s.create(never)
	_, err = operator.New(s.store, s.clock.Now, billing.Rules{}).Cancel(c.t.Context(), dropped.Plan.ID, "")
	require.NoError(c.t, err)
	s.settle()
	si, err := s.gateway.SetupIntent(c.t.Context(), dropped.Setup.ID)
	require.NoError(c.t, err)
	require.Equal(c.t, billing.IntentCanceled, si.Status)
}
