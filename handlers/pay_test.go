package handlers_test

import (
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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/locale"
	"tranche/internal/planning"
	"tranche/internal/recovery"
	"tranche/internal/store/storetest"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
)

var update = flag.Bool("update", false, "write the golden files anew")

// pageSurface is the HTTP surface with a recovery page, and a plan whose first payment waits.
type pageSurface struct {
	*surface
	plan  handlers.PlanView
	link  string // path of a link to the first charge
	full  bool   // Allow says no
	asked []string
}

func newPageSurface(t *testing.T, change func(*handlers.PayPage)) *pageSurface {
	t.Helper()
	st := storetest.SQLite(t)
	s := &pageSurface{surface: &surface{t: t, store: st, sim: stripesim.New(stripesim.Options{})}}
	stripe := httptest.NewServer(s.sim)
	t.Cleanup(func() { s.sim.Close(); stripe.Close() })
	gateway, err := stripegw.New(stripegw.Config{SecretKey: "sk_test_surface", APIBase: stripe.URL, HTTPTimeout: 5 * time.Second})
	require.NoError(t, err)
	var clk clock.Clock
	page := &handlers.PayPage{
		Desk: &recovery.Desk{Store: st, Gateway: gateway, Now: clk.Now, Lease: time.Minute,
			Reason: func(f billing.Failure) billing.Reason { return dunning.Classify(f, "").Reason }},
		Links:    &recovery.Links{Store: st, Key: "0123456789abcdef0123456789abcdef", BaseURL: "https://pay.example.com", TTL: time.Hour, Now: clk.Now},
		Merchant: "Example Shop", Contact: "billing@shop.example", BaseURL: "https://pay.example.com", PublishableKey: "pk_test_surface",
		StripeJSURL: "https://js.stripe.com/v3/", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Allow: func(_ context.Context, bucket string, _ int) time.Duration {
			s.asked = append(s.asked, bucket)
			if s.full {
				return time.Minute
			}
			return 0
		},
	}
	if change != nil {
		change(page)
	}
	h := handlers.New(handlers.Config{
		Store: st, Planner: planning.New(st, gateway, clk.Now, billing.Rules{ChargeTime: billing.LocalTime{Hour: 9}}), APIKey: apiKey, Pay: page, Grace: time.Minute,
	})
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

const agreed = `{"consent": "` + handlers.MandateVersion + `"}`

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

func TestTheSecretIsForThePagesOwnScript(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	given := s.script(s.link+"/intent", agreed)
	require.Equal(t, http.StatusOK, given.status, "%s", given.body)
	require.Contains(t, string(given.body), s.plan.FirstPayment.ClientSecret)
	require.Equal(t, "no-store", given.header.Get("Cache-Control"))
	require.Equal(t, http.StatusOK, s.script(s.link+"/intent", agreed, "Sec-Fetch-Site", "").status, "an older browser says it by Origin")

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
		a := s.script(s.link+"/intent", agreed, header...)
		require.Equal(t, http.StatusForbidden, a.status, why)
		require.NotContains(t, string(a.body), "_secret_", why)
	}
	require.Equal(t, http.StatusUnsupportedMediaType, s.script(s.link+"/intent", agreed, "Content-Type", "text/plain").status)
	require.Equal(t, http.StatusNotFound, s.script("/pay/unknown/intent", agreed).status)
}

func TestAnotherCardIsNotTakenWithoutConsentToTheTextThatIsShown(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	for _, body := range []string{`{}`, `{"consent": "2019-01"}`} {
		a := s.script(s.link+"/intent", body)
		require.Equal(t, http.StatusConflict, a.status, "%s", a.body)
		require.NotContains(t, string(a.body), "_secret_")
	}
	require.Equal(t, http.StatusOK, s.script(s.link+"/intent", agreed, "X-Forwarded-For", "198.51.100.66, 203.0.113.9, 127.0.0.5",
		"User-Agent", strings.Repeat("x", 1000), "Accept-Language", "de-AT,de;q=0.9").status)
	customer, err := s.store.CustomerByReference(t.Context(), "ada")
	require.NoError(t, err)
	consents, err := s.store.Consents(t.Context(), billing.ConsentFilter{Customer: customer.ID})
	require.NoError(t, err)
	require.Len(t, consents, 1)
	require.Equal(t, "203.0.113.9", consents[0].Address, "what is left of the first address that nobody trusts may be made up")
	require.Equal(t, "de-AT", consents[0].Locale)
	require.Contains(t, consents[0].Text, "Ich bin damit einverstanden, dass Example Shop diese Karte hinterlegt")
	require.Equal(t, handlers.MandateVersion, consents[0].TextVersion)
	require.LessOrEqual(t, len(consents[0].UserAgent), 300)
}

func TestXForwardedForIsNotBelievedOfStrangers(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, func(p *handlers.PayPage) { p.TrustedProxies = nil })
	require.Equal(t, http.StatusOK, s.script(s.link+"/intent", agreed, "X-Forwarded-For", "203.0.113.9").status)
	consents, err := s.store.Consents(t.Context(), billing.ConsentFilter{Charge: s.plan.Charges[0].ID})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", consents[0].Address)
}

func TestUnknownExpiredAndRevokedLinksLookAlike(t *testing.T) {
	t.Parallel()
	s := newPageSurface(t, nil)
	var list handlers.ListView[handlers.LinkView]
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
	s.asked = nil
	s.full = true
	page := s.do(http.MethodGet, s.link, http.Header{"Accept-Language": {"fr"}}, "")
	require.Equal(t, http.StatusTooManyRequests, page.status)
	require.Equal(t, "61", page.header.Get("Retry-After"))
	require.Contains(t, string(page.body), "Trop de tentatives")
	require.NotContains(t, string(page.body), "order-1")
	require.Equal(t, http.StatusTooManyRequests, s.script(s.link+"/intent", agreed).status)
	require.Len(t, s.asked, 4, "an address and a token each")
	for _, bucket := range s.asked {
		require.NotContains(t, bucket, strings.TrimPrefix(s.link, "/pay/"), "Redis learns no token")
	}
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

// TestAChangedMandateHasAnotherVersion holds the text that customers agree to, in every language, to its version.
func TestAChangedMandateHasAnotherVersion(t *testing.T) {
	t.Parallel()
	got := handlers.MandateVersion + "\n"
	for _, tag := range locale.Tags() {
		sum := sha256.Sum256([]byte(locale.Match(tag).Text("page.consent", map[string]any{"merchant": "{merchant}"})))
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
