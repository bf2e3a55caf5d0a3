package paypage

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/stripesim"
	"tranche/internal/view"
)

// The cards of Stripe's guide.
const (
	cardGood         = "4242424242424242"
	cardAuthOnce     = "4000002500003155"
	cardAuthAlways   = "4000002760003184"
	cardAuthNoFunds  = "4000008260003178"
	cardNoFunds      = "4000000000009995"
	cardStolen       = "4000000000009979"
	cardWrongCVC     = "4000000000000127"
	cardMastercard   = "5555555555554444"
	apiKey           = "a-key-of-the-merchants-own-servers"
	patience         = 40 * time.Second
	proxyAddress     = "203.0.113.9" // the customer's address, as reported by the proxy
	consentOfMandate = "I agree that Example Shop saves this card"
)

// shop is a merchant's installation: Tranche in this process, a simulated Stripe, and the proxy in
// front.
type shop struct {
	t    *testing.T
	app  *app.App
	sim  *stripesim.Server // the account of the payments
	url  string            // the proxy's, which customers use
	gate *gate
	logs *logBook

	database string // path
	account  string // the connected account of the payments; empty for the shop's own
	platform *stripesim.Server
}

// logBook stores the log of the process.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns the whole log.
func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// gate is the proxy in front of Tranche. It can delay requests, or drop them.
type gate struct {
	*httptest.Server
	target atomic.Value // *url.URL

	mu   sync.Mutex
	hook func(w http.ResponseWriter, r *http.Request) (answered bool)
	hits map[string]int
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{hits: map[string]int{}}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(g.target.Load().(*url.URL))
			r.Out.Host = r.In.Host
			r.Out.Header.Set("X-Forwarded-For", proxyAddress)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		hook := g.hook
		g.hits[r.Method+" "+lastPart(r.URL.Path)]++
		g.mu.Unlock()
		if hook != nil && hook(w, r) {
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

func lastPart(path string) string { return path[strings.LastIndex(path, "/")+1:] }

// on passes every request to a hook first; nil removes the hook.
func (g *gate) on(hook func(w http.ResponseWriter, r *http.Request) (answered bool)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hook = hook
}

// count returns how often a request was made, such as "POST intent".
func (g *gate) count(what string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.hits[what]
}

// openShop opens a shop for the duration of the test.
func openShop(t *testing.T, change map[string]string) *shop {
	t.Helper()
	return openShopOn(t, "", change)
}

// openShopOn opens a shop whose payments are in a connected account.
func openShopOn(t *testing.T, account string, change map[string]string) *shop {
	t.Helper()
	s := &shop{t: t, platform: stripesim.New(stripesim.Options{}), gate: newGate(t), logs: &logBook{}, account: account}
	if s.sim = s.platform; account != "" {
		s.sim = s.platform.Connect(account)
	}
	stripe := httptest.NewServer(s.platform)
	t.Cleanup(func() { s.platform.Close(); stripe.Close() })
	s.url, s.database = s.gate.URL, filepath.Join(t.TempDir(), "tranche.db")
	flags := map[string]string{
		"STRIPE_SECRET_KEY": "sk_test_shop", "STRIPE_PUBLISHABLE_KEY": "pk_test_shop", "STRIPE_WEBHOOK_SECRET": "whsec_shop",
		"STRIPE_API_BASE": stripe.URL, "STRIPE_JS_URL": stripe.URL + "/v3/", "TRANCHE_API_KEY": apiKey, "TRANCHE_ADDR": "127.0.0.1:0", "TRANCHE_ADMIN_ADDR": "off",
		"DATABASE_URL": "sqlite:" + s.database, "TRANCHE_TICK": "50ms", "STRIPE_READ_RATE": "1000",
		"STRIPE_WRITE_RATE": "1000", "STRIPE_TIMEOUT": "10s", "TRANCHE_LEASE": "12s", "TRANCHE_SHUTDOWN_TIMEOUT": "12s",
		"TRANCHE_BASE_URL": s.url, "TRANCHE_SECRET_KEY": "0123456789abcdef0123456789abcdef", "TRANCHE_MERCHANT_NAME": "Example Shop",
		"TRANCHE_MAIL_FROM": "Example Shop <billing@shop.example>", "TRANCHE_TRUSTED_PROXIES": "127.0.0.1", "TRANCHE_LOG_LEVEL": "debug",
	}
	maps.Copy(flags, change)
	cfg, err := config.LoadFor(config.Sources{Flags: flags}, config.NeedsServe)
	require.NoError(t, err)
	s.app, err = app.New(t.Context(), cfg, zerolog.New(zerolog.SyncWriter(s.logs)))
	require.NoError(t, err)
	require.NoError(t, s.app.Start(t.Context()))
	t.Cleanup(s.app.Stop)
	target, err := url.Parse("http://" + s.app.Addr())
	require.NoError(t, err)
	s.gate.target.Store(target)
	s.platform.AddWebhook(stripesim.WebhookEndpoint{URL: s.url + "/webhooks/stripe", Secret: "whsec_shop", Connect: account != ""})
	t.Cleanup(func() { s.requireSecretsKept(t) })
	return s
}

// requireSecretsKept requires that no client secret and no token of a link was logged.
func (s *shop) requireSecretsKept(t *testing.T) {
	t.Helper()
	said := s.logs.String()
	require.NotRegexp(t, `_secret_`, said)
	require.NotRegexp(t, `/pay/[A-Za-z0-9_-]{43}`, said)
	require.NotContains(t, said, `"panic"`)
}

// api calls the merchant's API and reads the answer.
func (s *shop) api(method, path, body string, into any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.app.Addr()+path, strings.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("Authorization", "Bearer "+apiKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.Less(s.t, resp.StatusCode, 300, "%s %s: %s", method, path, answer)
	require.NoError(s.t, json.Unmarshal(answer, into))
}

// plan makes a plan of three charges: the first is paid at once, the second is due in an hour (or
// when fallDue is called), the third in a month.
func (s *shop) plan(locale string) view.Plan {
	s.t.Helper()
	var p view.Plan
	s.api(http.MethodPost, "/v1/plans", fmt.Sprintf(`{"reference": "order-1042", "kind": "installments", "currency": "eur", "account": %q,
		"charges": [{"amount": 30000}, {"amount": 30000, "due": %q}, {"amount": 30003, "due": %q}],
		"customer": {"reference": "ada", "email": "ada@example.com", "name": "Ada", "locale": %q, "timezone": "Europe/Berlin"}}`,
		s.account, time.Now().Add(time.Hour).UTC().Format(time.RFC3339), time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339), locale), &p)
	return p
}

// begun makes a plan whose first payment was made in the checkout with a card, and waits until the
// payment is recorded.
func (s *shop) begun(card, locale string) view.Plan {
	s.t.Helper()
	p := s.plan(locale)
	s.pay(p, card)
	return p
}

// pay makes the first payment of a plan in the checkout, and waits until it is recorded.
func (s *shop) pay(p view.Plan, card string) {
	s.t.Helper()
	b := &stripesim.Browser{BaseURL: s.stripeURL(), Account: s.account}
	intent, err := b.ConfirmCardPayment(s.t.Context(), p.FirstPayment.ClientSecret,
		stripesim.PaymentDetails{Card: &stripesim.Card{Number: card}, SetupFutureUsage: "off_session"})
	require.NoError(s.t, err)
	if intent.Status == "requires_action" {
		_, err = b.Authenticate(s.t.Context(), intent, true)
		require.NoError(s.t, err)
	}
	s.until(func() bool { return s.details(p).Plan.Status != billing.PlanAwaitingFirstPayment }, "the plan is active")
}

// stripeURL returns the simulator's address.
func (s *shop) stripeURL() string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"/pay/unknown", nil)
	require.NoError(s.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	return regexp.MustCompile(`script-src 'self' (\S+);`).FindStringSubmatch(resp.Header.Get("Content-Security-Policy"))[1]
}

// due makes a plan whose second charge has fallen due and was declined, and returns the link in the
// mail about it.
func (s *shop) due(card, locale string) (view.Plan, string) {
	s.t.Helper()
	p := s.begun(card, locale)
	s.fallDue(p, 2)
	return p, s.mailed(p)
}

// fallDue makes a charge due now.
func (s *shop) fallDue(p view.Plan, sequence int) {
	s.t.Helper()
	require.NoError(s.t, s.app.Store().Update(s.t.Context(), func(tx billing.Tx) error {
		if _, err := tx.LockPlan(s.t.Context(), p.ID); err != nil {
			return err
		}
		c, err := tx.Charge(s.t.Context(), p.Charges[sequence-1].ID)
		if err != nil {
			return err
		}
		require.Equal(s.t, billing.ChargeScheduled, c.Status)
		now := time.Now().Truncate(time.Millisecond)
		c.DueAt, c.NextAttemptAt, c.ClaimAfter = now, now, now
		return tx.UpdateCharge(s.t.Context(), c)
	}))
}

// expire makes every link expire.
func (s *shop) expire() {
	s.t.Helper()
	db, err := sql.Open("sqlite", "file:"+s.database+"?_busy_timeout=10000") // the shop uses the database too
	require.NoError(s.t, err)
	defer db.Close()
	_, err = db.ExecContext(s.t.Context(), "UPDATE pay_links SET expires_at = created_at + 1")
	require.NoError(s.t, err)
}

// payLink finds the link in a mail.
var payLink = regexp.MustCompile(`https?://\S+/pay/[A-Za-z0-9_-]{43}`)

// mailed waits for a mail with a link to the recovery page, and returns the link.
func (s *shop) mailed(p view.Plan) (link string) {
	s.t.Helper()
	s.until(func() bool {
		notices, err := s.app.Store().Notices(s.t.Context(), billing.NoticeFilter{Plan: p.ID})
		require.NoError(s.t, err)
		for _, n := range notices {
			if n.Status == billing.NoticeKept && n.Kind != billing.NoticePaymentSucceeded && n.Kind != billing.NoticePlanStarted {
				link = payLink.FindString(n.Body)
				require.NotEmpty(s.t, link, n.Body)
				return true
			}
		}
		return false
	}, "a mail about the payment")
	return link
}

// link makes a link to a charge, by its sequence, as a merchant does.
func (s *shop) link(p view.Plan, sequence int) string {
	s.t.Helper()
	var l view.Link
	s.api(http.MethodPost, "/v1/charges/"+string(p.Charges[sequence-1].ID)+"/link", "", &l)
	return l.URL
}

func (s *shop) details(p view.Plan) billing.Details {
	s.t.Helper()
	d, err := billing.LoadDetails(s.t.Context(), s.app.Store(), p.ID)
	require.NoError(s.t, err)
	return d
}

func (s *shop) charge(p view.Plan, sequence int) billing.Charge {
	s.t.Helper()
	return s.details(p).Charges[sequence-1]
}

// card returns the card of the plan.
func (s *shop) card(p view.Plan) billing.Card {
	s.t.Helper()
	c, err := s.app.Store().Card(s.t.Context(), s.details(p).Plan.CardID)
	require.NoError(s.t, err)
	return c
}

// until waits until a condition is true.
func (s *shop) until(is func() bool, what string) {
	s.t.Helper()
	require.Eventually(s.t, is, patience, 20*time.Millisecond, what)
}

func (s *shop) untilPaid(p view.Plan, sequence int) {
	s.t.Helper()
	s.until(func() bool { return s.charge(p, sequence).Status == billing.ChargeSucceeded }, fmt.Sprintf("charge %d is paid", sequence))
}

// stripePayment holds the fields of a PaymentIntent that the checks read.
type stripePayment struct {
	ID             string            `json:"id"`
	Status         string            `json:"status"`
	AmountReceived int64             `json:"amount_received"`
	Metadata       map[string]string `json:"metadata"`
}

// requirePaidOnce requires that a charge was paid once at Stripe, across all of its PaymentIntents.
func (s *shop) requirePaidOnce(p view.Plan, sequence int) {
	s.t.Helper()
	s.untilPaid(p, sequence)
	c := s.charge(p, sequence)
	var took []string
	for _, raw := range s.sim.PaymentIntents() {
		var pi stripePayment
		require.NoError(s.t, json.Unmarshal(raw, &pi))
		if pi.Metadata[billing.MetaCharge] == string(c.ID) && pi.Status == "succeeded" {
			require.Equal(s.t, c.Amount, pi.AmountReceived)
			took = append(took, pi.ID)
		}
	}
	require.Equal(s.t, []string{c.PaymentIntent}, took)
}

// speak changes the customer's language.
func (s *shop) speak(p view.Plan, tag string) {
	s.t.Helper()
	require.NoError(s.t, s.app.Store().Update(s.t.Context(), func(tx billing.Tx) error {
		c, err := tx.Customer(s.t.Context(), s.details(p).Customer.ID)
		if err != nil {
			return err
		}
		c.Locale = tag
		return tx.UpdateCustomer(s.t.Context(), c)
	}))
}

// status returns the HTTP status of a link.
func (s *shop) status(link string) int {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, link, nil)
	require.NoError(s.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	return resp.StatusCode
}

func (s *shop) countNotices(p view.Plan) int {
	s.t.Helper()
	notices, err := s.app.Store().Notices(s.t.Context(), billing.NoticeFilter{Plan: p.ID})
	require.NoError(s.t, err)
	return len(notices)
}

// payElsewhere pays a charge outside the page, as another device would.
func (s *shop) payElsewhere(p view.Plan, sequence int) {
	s.t.Helper()
	pi, err := s.app.Gateway().PaymentIntent(s.t.Context(), s.charge(p, sequence).PaymentIntent)
	require.NoError(s.t, err)
	_, err = (&stripesim.Browser{BaseURL: s.stripeURL()}).ConfirmCardPayment(s.t.Context(), pi.ClientSecret.Reveal(),
		stripesim.PaymentDetails{Card: &stripesim.Card{Number: cardGood}, SetupFutureUsage: "off_session"})
	require.NoError(s.t, err)
	s.untilPaid(p, sequence)
}

// giveCard saves another card for the customer outside the page.
func (s *shop) giveCard(p view.Plan, number string) {
	s.t.Helper()
	ctx := s.t.Context()
	d := s.details(p)
	si, err := s.app.Gateway().CreateSetupIntent(ctx, "setup-"+number, billing.SetupParams{
		Customer: d.Customer.StripeCustomer, Metadata: map[string]string{billing.MetaCustomer: d.Customer.Reference},
	})
	require.NoError(s.t, err)
	_, err = (&stripesim.Browser{BaseURL: s.stripeURL()}).ConfirmCardSetup(ctx, si.ClientSecret.Reveal(),
		stripesim.PaymentDetails{Card: &stripesim.Card{Number: number}})
	require.NoError(s.t, err)
	s.until(func() bool { return s.card(p).Last4 == number[len(number)-4:] }, "the card is saved")
}
