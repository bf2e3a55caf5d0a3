package handlers_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/locale"
	"tranche/internal/recovery"
	"tranche/internal/store/storetest"
	"tranche/internal/testbench"
	"tranche/internal/view"
)

var update = flag.Bool("update", false, "write the golden files")

// pageSurface is the HTTP surface with a recovery page, and a plan whose first payment waits.
type pageSurface struct {
	*surface
	plan  view.Plan
	link  string // path of a link to the first charge
	full  bool   // Allow says no
	asked []string

	guessing bool // Allow says no to those who guess

	handler *handlers.Server
	log     lockedLog
}

// lockedLog is a log that is safe for concurrent use: a request is logged after its answer.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns the log so far.
func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newPageSurface(t *testing.T, change func(*handlers.PayPage)) *pageSurface {
	t.Helper()
	return newPageSurfaceOn(t, storetest.SQLite(t), change)
}

// newPageSurfaceOn trusts the given proxies; default: the proxies on loopback.
func newPageSurfaceOn(t *testing.T, st billing.Store, change func(*handlers.PayPage), proxies ...netip.Prefix) *pageSurface {
	t.Helper()
	if len(proxies) == 0 {
		proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	b := testbench.New(t, testbench.Config{Store: st, RealTime: true})
	s := &pageSurface{surface: &surface{t: t, store: st, sim: b.Sim}}
	page := &handlers.PayPage{
		Recovery: &recovery.Service{Store: st, Gateway: b.Gateway, Now: b.Now, Lease: time.Minute,
			Reason: func(f billing.Failure) billing.Reason { return dunning.Classify(f, "").Reason }},
		Links:    &recovery.Links{Store: st, Key: "0123456789abcdef0123456789abcdef", BaseURL: "https://pay.example.com", TTL: time.Hour, Now: b.Now},
		Merchant: "Example Shop", Contact: "billing@shop.example", BaseURL: "https://pay.example.com", PublishableKey: "pk_test_surface",
		StripeJSURL: "https://js.stripe.com/v3/",
	}
	if change != nil {
		change(page)
	}
	h := handlers.New(handlers.Config{
		Store: st, Planner: b.Planner, APIKeys: []string{apiKey}, Pay: page, Grace: time.Minute,
		TrustedProxies: proxies, Log: zerolog.New(&s.log),
		Allow: func(_ context.Context, bucket string, _ int) time.Duration {
			s.asked = append(s.asked, bucket)
			if s.full || strings.Contains(bucket, ":unknown:") && s.guessing {
				return time.Minute
			}
			return 0
		},
	})
	s.handler = h
	server := httptest.NewServer(h)
	t.Cleanup(func() { server.Close(); h.Close() })
	s.url = server.URL
	s.plan = s.api(http.MethodPost, "/v1/plans", `{"reference": "order-1", "kind": "installments", "currency": "usd", "total": 3000, "parts": 3,
		"every": "1 month", "customer": {"reference": "ada", "email": "ada@example.com"}}`).plan(t)
	made := s.api(http.MethodPost, "/v1/charges/"+string(s.plan.Charges[0].ID)+"/link", "")
	require.Equal(t, http.StatusCreated, made.status, "%s", made.body)
	s.link = "/pay/" + regexp.MustCompile(`/pay/([A-Za-z0-9_-]{43})"`).FindStringSubmatch(string(made.body))[1]
	return s
}

// script posts as the page's own script does.
func (s *pageSurface) script(path, body string, more ...string) answer {
	s.t.Helper()
	header := http.Header{"Content-Type": {"application/json"}, "Sec-Fetch-Site": {"same-origin"}, "Origin": {"https://pay.example.com"}}
	for i := 0; i < len(more); i += 2 {
		header.Set(more[i], more[i+1])
		if more[i+1] == "" {
			header.Del(more[i])
		}
	}
	return s.do(http.MethodPost, path, header, body)
}

// shown finds the values on the page that its script sends with a form.
var shown = regexp.MustCompile(`data-form="pay" data-charges="([^"]+)" data-total="(\d+)" data-listed="([0-9a-f]+)"`)

// agreed returns the body that the page's script posts to pay with another card.
func (s *pageSurface) agreed(header ...string) string {
	s.t.Helper()
	asked := http.Header{}
	for i := 0; i < len(header); i += 2 {
		asked.Set(header[i], header[i+1])
	}
	page := s.do(http.MethodGet, s.link, asked, "")
	form := shown.FindStringSubmatch(string(page.body))
	require.NotNil(s.t, form, "%s", page.body)
	return fmt.Sprintf(`{"consent": %q, "charges": [%q], "total": %s, "listed": %q}`, handlers.MandateVersion, form[1], form[2], form[3])
}

func TestThePageKeepsToItself(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	for _, path := range []string{s.link, "/pay/unknown"} {
		a := s.do(http.MethodGet, path, http.Header{}, "")
		for name, value := range map[string]string{
			"Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
			"X-Robots-Tag": "noindex, nofollow",
		} {
			require.Equal(t, value, a.header.Get(name), name)
		}
		csp := a.header.Get("Content-Security-Policy")
		for _, part := range []string{
			"default-src 'none'", "script-src 'self' https://js.stripe.com https://*.js.stripe.com;", "frame-ancestors 'none'", "form-action 'self'",
			"base-uri 'none'", "connect-src 'self' https://js.stripe.com https://api.stripe.com;", "style-src 'self';",
			"frame-src https://js.stripe.com https://hooks.stripe.com https://*.js.stripe.com;",
		} {
			require.Contains(t, csp, part)
		}
		require.NotContains(t, csp, "unsafe-eval")
		require.NotRegexp(t, `<script(?: [^>]*)?>[^<]`, string(a.body), "no script within the page")
		require.NotRegexp(t, `<[^>]+ (?:style|on\w+)=`, string(a.body))
		require.NotContains(t, string(a.body), "_secret_")
	}
}

func TestTheSimulatorsAddressesAreInThePolicyWhereTheyAreSet(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, func(p *handlers.PayPage) {
		p.StripeJSURL, p.StripeAPIBase = "http://127.0.0.1:12111/v3/", "http://127.0.0.1:12111"
	})
	csp := s.do(http.MethodGet, s.link, http.Header{}, "").header.Get("Content-Security-Policy")
	require.Contains(t, csp, "script-src 'self' http://127.0.0.1:12111;")
	require.NotContains(t, csp, "js.stripe.com")
}

func TestWhatThePageLoadsIsThereForGood(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	page := s.do(http.MethodGet, s.link, http.Header{}, "")
	require.Equal(t, http.StatusOK, page.status)
	assets := regexp.MustCompile(`/pay/assets/[\w.-]+`).FindAllString(string(page.body), -1)
	require.Len(t, assets, 2)
	for _, path := range assets {
		a := s.do(http.MethodGet, path, http.Header{}, "")
		require.Equal(t, http.StatusOK, a.status)
		require.Contains(t, a.header.Get("Cache-Control"), "immutable")
		require.Regexp(t, `^text/(css|javascript)`, a.header.Get("Content-Type"))
	}
	require.Equal(t, http.StatusNotFound, s.do(http.MethodGet, "/pay/assets/none.js", http.Header{}, "").status)
}

func TestLookingChangesNothing(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	before := s.api(http.MethodGet, "/v1/plans/"+string(s.plan.ID), "").body
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		require.Equal(t, http.StatusOK, s.do(method, s.link, http.Header{}, "").status)
	}
	require.Equal(t, http.StatusMethodNotAllowed, s.do(http.MethodGet, s.link+"/intent", http.Header{}, "").status)
	require.Equal(t, before, s.api(http.MethodGet, "/v1/plans/"+string(s.plan.ID), "").body)
}

func TestPage_Description(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	made := s.api(http.MethodPost, "/v1/plans", `{"reference": "order-2", "kind": "installments", "currency": "usd", "total": 3000, "parts": 3,
		"every": "1 month", "description": "Oak <table>", "customer": {"reference": "ada", "email": "ada@example.com"}}`).plan(t)
	require.Equal(t, "Oak <table>", made.Description)
	link := s.api(http.MethodPost, "/v1/charges/"+string(made.Charges[0].ID)+"/link", "")
	require.Equal(t, http.StatusCreated, link.status, "%s", link.body)
	path := "/pay/" + regexp.MustCompile(`/pay/([A-Za-z0-9_-]{43})"`).FindStringSubmatch(string(link.body))[1]
	require.Contains(t, string(s.do(http.MethodGet, path, http.Header{}, "").body), "Oak &lt;table&gt; (order-2)")
	long := s.api(http.MethodPost, "/v1/plans", `{"reference": "order-3", "kind": "deferred", "currency": "usd", "total": 3000, "due": "on request",
		"description": "`+strings.Repeat("x", 201)+`", "customer": {"reference": "ada"}}`)
	require.Equal(t, "description", long.problem(t).Errors[0].Field)
}

func TestTheSecretIsForThePagesOwnScript(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	given := s.script(s.link+"/intent", s.agreed())
	require.Equal(t, http.StatusOK, given.status, "%s", given.body)
	require.Contains(t, string(given.body), s.plan.FirstPayment.ClientSecret)
	require.Equal(t, "no-store", given.header.Get("Cache-Control"))
	require.Equal(t, http.StatusOK, s.script(s.link+"/intent", s.agreed(), "Sec-Fetch-Site", "").status, "an older browser says it by Origin")

	for why, header := range map[string][]string{
		"another site":              {"Sec-Fetch-Site", "cross-site"},
		"a neighbour":               {"Sec-Fetch-Site", "same-site"},
		"typed in":                  {"Sec-Fetch-Site", "none"},
		"another origin":            {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
		"an origin that begins so":  {"Sec-Fetch-Site", "", "Origin", "https://pay.example.com.evil.example"},
		"a page without an origin":  {"Sec-Fetch-Site", "", "Origin", "null"},
		"no browser":                {"Sec-Fetch-Site", "", "Origin", ""},
		"another scheme of our own": {"Sec-Fetch-Site", "", "Origin", "ftp://pay.example.com"},
	} {
		a := s.script(s.link+"/intent", s.agreed(), header...)
		require.Equal(t, http.StatusForbidden, a.status, why)
		require.NotContains(t, string(a.body), "_secret_", why)
	}
	require.Equal(t, http.StatusUnsupportedMediaType, s.script(s.link+"/intent", s.agreed(), "Content-Type", "text/plain").status)
	require.Equal(t, http.StatusNotFound, s.script("/pay/unknown/intent", s.agreed()).status)
}

func TestAnotherCardIsNotTakenWithoutConsentToTheTextThatIsShown(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	for _, body := range []string{`{}`, `{"consent": "2019-01"}`} {
		a := s.script(s.link+"/intent", body)
		require.Equal(t, http.StatusConflict, a.status, "%s", a.body)
		require.NotContains(t, string(a.body), "_secret_")
	}
	require.Equal(t, http.StatusOK, s.script(s.link+"/intent", s.agreed("Accept-Language", "de-AT,de;q=0.9"), "X-Forwarded-For",
		"198.51.100.66, 203.0.113.9, 127.0.0.5", "User-Agent", strings.Repeat("x", 299)+"é\xff", "Accept-Language", "de-AT,de;q=0.9").status)
	customer, err := s.store.CustomerByReference(t.Context(), "ada")
	require.NoError(t, err)
	consents, err := s.store.Consents(t.Context(), billing.ConsentFilter{Customer: customer.ID})
	require.NoError(t, err)
	require.Len(t, consents, 1)
	require.Equal(t, "203.0.113.9", consents[0].Address, "addresses left of the first untrusted address may be forged")
	require.Equal(t, "de-AT", consents[0].Locale)
	require.Contains(t, consents[0].Text, "Ich bin damit einverstanden, dass Example Shop diese Karte hinterlegt")
	require.Contains(t, consents[0].Text, "order-1: ")
	require.Equal(t, []billing.PlanID{s.plan.ID}, consents[0].Plans())
	require.Len(t, consents[0].Listed[0].Payments, 3)
	require.True(t, consents[0].Listed[0].Payments[0].Now)
	require.Equal(t, handlers.MandateVersion, consents[0].TextVersion)
	require.Equal(t, strings.Repeat("x", 299)+"…", consents[0].UserAgent, "cut between letters")
}

// TestPay_UserAgentThatIsNoText: in-app browsers send carriers' names in any encoding.
func TestPay_UserAgentThatIsNoText(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, st billing.Store) {
		s := newPageSurfaceOn(t, st, nil)
		for agent, kept := range map[string]string{
			"Mozilla/5.0 (Ger\xe4t)": "Mozilla/5.0 (Ger\uFFFDt)", "\xff\xfe": "\uFFFD", "a\tb": "a b", "\u009b2J\u202eevil": "2Jevil",
			strings.Repeat("M", 299) + "éé": strings.Repeat("M", 299) + "…", strings.Repeat("é", 5000): strings.Repeat("é", 299) + "…",
		} {
			a := s.script(s.link+"/intent", s.agreed(), "User-Agent", agent)
			require.Equal(t, http.StatusOK, a.status, "%q: %s", agent, a.body)
			consents, err := s.store.Consents(t.Context(), billing.ConsentFilter{Limit: 1})
			require.NoError(t, err)
			require.Equal(t, kept, consents[0].UserAgent)
		}
	})
}

func TestAgreement_KindsOfPlans(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	for i, tc := range []struct{ plan, want string }{
		{`"kind": "installments", "total": 3000, "parts": 2, "every": "1 month"`, `€15.00 now; €15.00 on \d+ \w+ \d{4}</li>`},
		{`"kind": "recurring", "amount": 1900, "every": "1 month"`, `€19.00 now; €19.00 on \d+ \w+ \d{4}; then €19.00 every month until you cancel</li>`},
		{`"kind": "recurring", "amount": 1900, "every": "2 weeks", "parts": 5`, `then €19.00 every 2 weeks, 3 times</li>`},
		{`"kind": "recurring", "amount": 1900, "every": "1 year", "until": "2034-12-31"`, `then €19.00 every year until 31 December 2034</li>`},
		{`"kind": "deposit", "total": 250000, "deposit": 50000, "balance_due": "on request"`, `€500.00 now; €2,000.00 when Example Shop asks for it</li>`},
	} {
		p := s.api(http.MethodPost, "/v1/plans", fmt.Sprintf(`{"reference": "kind-%d", "currency": "eur", %s,
			"customer": {"reference": "bob-%d", "locale": "en-GB"}}`, i, tc.plan, i)).plan(t)
		var link view.Link
		decode(t, s.api(http.MethodPost, "/v1/charges/"+string(p.Charges[0].ID)+"/link", ""), &link)
		page := s.do(http.MethodGet, strings.TrimPrefix(link.URL, "https://pay.example.com"), http.Header{}, "")
		require.Regexp(t, fmt.Sprintf(`<li>kind-%d: .*`, i)+tc.want, string(page.body))
	}
}

func TestXForwardedForIsNotBelievedOfStrangers(t *testing.T) {
	t.Parallel()
	s := newPageSurfaceOn(t, storetest.SQLite(t), nil, netip.MustParsePrefix("192.0.2.0/24"))
	require.Equal(t, http.StatusOK, s.script(s.link+"/intent", s.agreed(), "X-Forwarded-For", "203.0.113.9").status)
	consents, err := s.store.Consents(t.Context(), billing.ConsentFilter{Charge: s.plan.Charges[0].ID})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", consents[0].Address)
}

func TestRevokeAllLinks(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	require.Equal(t, http.StatusOK, s.do(http.MethodGet, s.link, http.Header{}, "").status)
	for body, says := range map[string]string{`{}`: `"field":"all"`, `{"all": false, "dry_run": true}`: `"field":"all"`} {
		refused := s.api(http.MethodPost, "/v1/links/revoke", body)
		require.Equal(t, http.StatusUnprocessableEntity, refused.status)
		require.Contains(t, string(refused.body), says)
	}
	for _, step := range []struct {
		body string
		want view.Revoked
		page int
	}{
		{`{"all": true, "dry_run": true}`, view.Revoked{Object: "revoked_links", Revoked: 1, DryRun: true}, http.StatusOK},
		{`{"all": true}`, view.Revoked{Object: "revoked_links", Revoked: 1}, http.StatusGone},
		{`{"all": true}`, view.Revoked{Object: "revoked_links"}, http.StatusGone},
	} {
		var got view.Revoked
		decode(t, s.api(http.MethodPost, "/v1/links/revoke", step.body), &got)
		require.Equal(t, step.want, got)
		require.Equal(t, step.page, s.do(http.MethodGet, s.link, http.Header{}, "").status)
	}
	require.Equal(t, http.StatusUnauthorized, s.do(http.MethodPost, "/v1/links/revoke", http.Header{}, `{"all": true}`).status)
	made := s.api(http.MethodPost, "/v1/charges/"+string(s.plan.Charges[0].ID)+"/link", "")
	require.Equal(t, http.StatusCreated, made.status)
}

func TestUnknownExpiredAndRevokedLinksLookAlike(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	agreed := s.agreed()
	var list view.List[view.Link]
	decode(t, s.api(http.MethodGet, "/v1/plans/"+string(s.plan.ID)+"/links", ""), &list)
	require.Len(t, list.Data, 1)
	require.Empty(t, list.Data[0].URL)
	revoked := s.api(http.MethodPost, "/v1/links/"+string(list.Data[0].ID)+"/revoke", "")
	require.Equal(t, http.StatusOK, revoked.status)
	require.Contains(t, string(revoked.body), "revoked_at")
	require.Equal(t, http.StatusNotFound, s.api(http.MethodPost, "/v1/links/link_none/revoke", "").status)

	page := func(path string) string {
		a := s.do(http.MethodGet, path, http.Header{}, "")
		require.Equal(t, http.StatusGone, a.status)
		return strings.ReplaceAll(string(a.body), path, "/pay/x")
	}
	require.Equal(t, page("/pay/unknown"), page(s.link))
	for _, path := range []string{"/pay/unknown", s.link} {
		a := s.do(http.MethodPost, path+"/renew", http.Header{"Sec-Fetch-Site": {"same-origin"}, "Content-Type": {"application/x-www-form-urlencoded"}}, "")
		require.Equal(t, http.StatusOK, a.status)
		require.Contains(t, string(a.body), "Please check your email")
	}
	require.Equal(t, http.StatusNotFound, s.script(s.link+"/intent", agreed).status)
}

func TestWhoAsksTooOftenWaits(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	agreed := s.agreed()
	s.asked = nil
	s.full = true
	page := s.do(http.MethodGet, s.link, http.Header{"Accept-Language": {"fr"}}, "")
	require.Equal(t, http.StatusTooManyRequests, page.status)
	require.Equal(t, "61", page.header.Get("Retry-After"))
	require.Contains(t, string(page.body), "Trop de tentatives")
	require.NotContains(t, string(page.body), "order-1")
	require.Equal(t, http.StatusTooManyRequests, s.script(s.link+"/intent", agreed).status)
	require.Len(t, s.asked, 2)
	for _, bucket := range s.asked {
		require.Contains(t, bucket, ":token:", "the holder of a link is counted by it alone")
		require.NotContains(t, bucket, strings.TrimPrefix(s.link, "/pay/"), "Redis learns no token")
	}
}

// TestGuessers_LockNobodyOut: an attacker who guesses tokens behind the same proxy as customers is
// counted separately.
func TestGuessers_LockNobodyOut(t *testing.T) {
	t.Parallel()
	s := newPageSurfaceOn(t, storetest.SQLite(t), nil, netip.MustParsePrefix("192.0.2.0/24"))
	s.asked, s.guessing = nil, true
	guess := strings.Repeat("A", 43)
	for _, token := range []string{"garbage", guess} {
		a := s.do(http.MethodGet, "/pay/"+token, http.Header{"X-Forwarded-For": {"6.6.6.6"}}, "")
		require.Equal(t, http.StatusTooManyRequests, a.status, token)
	}
	require.Equal(t, []string{"pay:60:unknown:127.0.0.1", "pay:60:unknown:127.0.0.1"}, s.asked)
	require.Equal(t, http.StatusOK, s.do(http.MethodGet, s.link, http.Header{"X-Forwarded-For": {"9.9.9.9"}}, "").status)
}

// TestGuessers_CountedByNetwork: an IPv6 customer has 2^64 addresses.
func TestGuessers_CountedByNetwork(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	s.asked = nil
	for _, address := range []string{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"} {
		s.do(http.MethodGet, "/pay/garbage", http.Header{"X-Forwarded-For": {address}}, "")
	}
	require.Equal(t, []string{"pay:60:unknown:2001:db8:1:2::/64", "pay:60:unknown:2001:db8:1:2::/64", "pay:60:unknown:2001:db8:1:3::/64"}, s.asked)
}

// TestUntrustedProxy_IsReported once, and not for requests from a trusted proxy or without a proxy.
func TestUntrustedProxy_IsReported(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"X-Forwarded-For", "Forwarded"} {
		s := newPageSurfaceOn(t, storetest.SQLite(t), nil, netip.MustParsePrefix("192.0.2.0/24"))
		s.do(http.MethodGet, s.link, http.Header{}, "")
		require.Empty(t, s.handler.UntrustedProxy())
		for range 3 {
			s.do(http.MethodGet, "/healthz", http.Header{name: {"for=9.9.9.9"}}, "")
		}
		require.Equal(t, "127.0.0.1", s.handler.UntrustedProxy())
		require.Equal(t, 1, strings.Count(s.log.String(), "TRANCHE_TRUSTED_PROXIES does not name"), s.log.String())
	}
	trusted := newPageSurface(t, nil)
	trusted.do(http.MethodGet, trusted.link, http.Header{"X-Forwarded-For": {"9.9.9.9"}}, "")
	require.Empty(t, trusted.handler.UntrustedProxy())
}

func TestLinksAreTheMerchantsToMake(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	require.Equal(t, http.StatusUnauthorized, s.do(http.MethodPost, "/v1/charges/"+string(s.plan.Charges[0].ID)+"/link", http.Header{}, "").status)
	require.Equal(t, http.StatusNotFound, s.api(http.MethodPost, "/v1/charges/chg_none/link", "").status)
	card := s.api(http.MethodPost, "/v1/plans/"+string(s.plan.ID)+"/link", "")
	require.Equal(t, http.StatusCreated, card.status)
	require.NotContains(t, string(card.body), `"charge"`)
	require.Equal(t, http.StatusNotFound, s.api(http.MethodPost, "/v1/plans/plan_none/link", "").status)
}

func TestWithoutSettingsThereIsNoPage(t *testing.T) {
	eachEngine(t, func(s *surface) {
		require.Equal(s.t, http.StatusNotFound, s.do(http.MethodGet, "/pay/unknown", http.Header{}, "").status)
		p := s.api(http.MethodPost, "/v1/plans", `{"reference": "order-1", "kind": "installments", "currency": "usd", "total": 3000, "parts": 3,
			"every": "1 month", "customer": {"reference": "ada"}}`).plan(s.t)
		a := s.api(http.MethodPost, "/v1/charges/"+string(p.Charges[0].ID)+"/link", "")
		require.Equal(s.t, http.StatusConflict, a.status)
		require.Contains(s.t, a.problem(s.t).Detail, "TRANCHE_BASE_URL")
	})
}

func TestTheCheckoutsConsentIsKeptAndIsNoTerm(t *testing.T) {
	eachEngine(t, func(s *surface) {
		body := `{"reference": "order-1", "kind": "installments", "currency": "usd", "total": 3000, "parts": 3, "every": "1 month",
			"customer": {"reference": "ada"}, "consent": {"text_version": "terms-7", "accepted_at": %q, "ip": "198.51.100.7", "user_agent": "Firefox"}}`
		first := s.api(http.MethodPost, "/v1/plans", fmt.Sprintf(body, "2026-01-02T03:04:05Z"))
		require.Equal(s.t, http.StatusCreated, first.status, "%s", first.body)
		again := s.api(http.MethodPost, "/v1/plans", fmt.Sprintf(body, "2026-01-02T03:05:00Z"))
		require.Equal(s.t, http.StatusOK, again.status, "the same terms, agreed to twice: %s", again.body)
		consents, err := s.store.Consents(s.t.Context(), billing.ConsentFilter{Charge: first.plan(s.t).Charges[0].ID})
		require.NoError(s.t, err)
		require.Len(s.t, consents, 1)
		require.Equal(s.t, billing.ConsentMerchant, consents[0].Source)
		require.Equal(s.t, "terms-7", consents[0].TextVersion)
		require.Equal(s.t, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), consents[0].AcceptedAt)
		require.Equal(s.t, "198.51.100.7", consents[0].Address)

		bad := s.api(http.MethodPost, "/v1/plans", `{"reference": "order-2", "kind": "installments", "currency": "usd", "total": 3000, "parts": 3,
			"every": "1 month", "customer": {"reference": "ada"}, "consent": {"accepted_at": "2999-01-01T00:00:00Z", "ip": "here"}}`)
		fields := []string{}
		for _, f := range bad.problem(s.t).Errors {
			fields = append(fields, f.Field)
		}
		require.Equal(s.t, []string{"consent.text_version", "consent.accepted_at", "consent.ip"}, fields)
	})
}

// TestAChangedMandateHasAnotherVersion fails if the text that customers agree to changes in any
// language without a new version.
func TestAChangedMandateHasAnotherVersion(t *testing.T) {
	t.Parallel()
	got := handlers.MandateVersion + "\n"
	for _, tag := range locale.Tags() {
		sum := sha256.Sum256([]byte(handlers.MandateTexts(locale.Match(tag))))
		got += tag + " " + hex.EncodeToString(sum[:]) + "\n"
	}
	const file = "testdata/mandate.golden"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "the mandate's text has changed: raise MandateVersion, then run go test ./handlers -update")
}

func decode(t *testing.T, a answer, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.body, into), "%s", a.body)
}
