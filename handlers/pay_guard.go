package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tranche/internal/locale"
	"tranche/internal/recovery"
)

// guardPage sets the headers of all answers under /pay/{token}, refuses requests from other sites,
// and enforces the limits of a token, or of an address that guesses tokens.
func (s *payServer) guardPage(perMinute int, next http.HandlerFunc) http.Handler {
	return metered(s.bytes, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.secureHeaders(w.Header())
		if r.Method == http.MethodPost && !s.sameOrigin(r) {
			writeProblem(w, problem{Status: http.StatusForbidden, Slug: "cross_origin", Detail: "only the page's own script may send this request"})
			return
		}
		if wait := s.turn(r, perMinute); wait > 0 {
			s.sayTooOften(w, r, wait)
			return
		}
		next(w, r)
	}))
}

// secureHeaders isolates the page. It loads and runs only Tranche's files and Stripe's, can't be
// framed or cached, and does not send its URL, which gives access, to other sites.
func (s *payServer) secureHeaders(h http.Header) {
	h.Set("Content-Security-Policy", s.csp)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups") // a bank's challenge may open a window
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

// contentPolicy is the page's Content-Security-Policy. Stripe's part is from
// docs.stripe.com/security/guide (#content-security-policy), for Stripe.js and 3-D Secure.
// Stripe.js sets style attributes on what it adds, so those are allowed; style elements are not.
func contentPolicy(p *PayPage) string {
	script, api := originOf(p.StripeJSURL), originOf(p.StripeAPIBase)
	frames, connect := script+" https://hooks.stripe.com", script+" https://api.stripe.com"
	if script == "https://js.stripe.com" {
		script += " https://*.js.stripe.com"
		frames += " https://*.js.stripe.com"
	}
	if api != "" {
		connect += " " + api
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self' " + script, "style-src 'self'", "style-src-attr 'unsafe-inline'", "img-src 'self' data:",
		"connect-src 'self' " + connect, "frame-src " + frames, "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
	}, "; ")
}

// originOf returns the scheme and host of a URL; empty if there is no host.
func originOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// sameOrigin reports whether a POST comes from the page itself. Browsers send Sec-Fetch-Site on
// secure pages; older browsers send Origin. A form without script has the Origin "null", because
// the page sends no referrer. Without Sec-Fetch-Site such a form may only renew a link.
func (s *payServer) sameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return true
	case "":
	default:
		return false
	}
	switch origin := r.Header.Get("Origin"); origin {
	case "", "null":
		return strings.HasSuffix(r.URL.Path, "/renew")
	default:
		return origin == originOf(s.page.BaseURL) || originOf(origin) != "" && strings.TrimPrefix(strings.TrimPrefix(origin, "https://"), "http://") == r.Host
	}
}

// turn counts the request and returns how long to wait; 0 means that the request is allowed.
// Requests with a known token count by token. Requests with an unknown token count by address,
// separately, because many customers may share an address with an attacker who guesses tokens.
func (s *payServer) turn(r *http.Request, perMinute int) time.Duration {
	if s.allow == nil {
		return 0
	}
	token, bucket := r.PathValue("token"), "pay:"+strconv.Itoa(perMinute)
	if s.isKnown(r.Context(), token) {
		return s.allow(r.Context(), bucket+":token:"+bucketOf(token), perMinute)
	}
	address := recovery.NetworkOf(clientAddress(r, s.trusted))
	return s.allow(r.Context(), bucket+":unknown:"+address, addressShare*perMinute)
}

// isKnown reports whether a link has the token. If the database is unavailable, every token counts
// as known, and the page reports the outage.
func (s *payServer) isKnown(ctx context.Context, token string) bool {
	known, err := s.page.Recovery.Known(ctx, token)
	return known || err != nil
}

func (s *payServer) sayTooOften(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(waitSeconds(wait)))
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		writeProblem(w, problem{Status: http.StatusTooManyRequests, Slug: "too_often"})
		return
	}
	s.writePage(w, http.StatusTooManyRequests, s.barePage(locale.Match(browsersTag(r)), "page.busy_title", "page.too_often"))
}
