package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/locale"
	"tranche/internal/recovery"
)

// Recovery is the service behind the recovery page.
type Recovery interface {
	// Known reports whether a link with the token exists or existed.
	Known(ctx context.Context, token string) (bool, error)
	// Page returns the page that a token opens. Errors: recovery.ErrGone.
	Page(ctx context.Context, token string) (recovery.Page, error)
	// Pay returns the client secrets for confirming each payment in the browser.
	Pay(ctx context.Context, token string, o recovery.PayRequest) ([]recovery.Confirmation, error)
	// SaveCard returns the client secret for saving a card in the browser.
	SaveCard(ctx context.Context, token string, e *recovery.Evidence) (recovery.Confirmation, error)
	// RemoveCard removes the saved card.
	RemoveCard(ctx context.Context, token string) (billing.Card, error)
	// Renew mails a new link, if the old one had a purpose that remains.
	Renew(ctx context.Context, token string) error
}

// PayPage is the configuration of the recovery page.
type PayPage struct {
	Recovery Recovery
	Links    *recovery.Links
	Merchant string // the name that customers know
	Contact  string // a mail address for questions; may be empty

	BaseURL        string // the public URL of the page
	PublishableKey string
	StripeJSURL    string
	StripeAPIBase  string // empty means Stripe's own

	// Holidays move the future dates of recurring plans whose terms require it.
	Holidays calendar.Holidays
	// Reasons are the reasons that customers may see, by Stripe's decline code or error code.
	Reasons map[string]billing.Reason
}

// The numbers of requests in a minute that the holder of a link may send. An address may send
// addressShare times as many requests with unknown tokens. The limit of an address does not apply
// to holders of links, because a proxy, an office or a mobile network may share one address.
const (
	viewsPerMinute = 60 // for pages, and for the state of the payment
	triesPerMinute = 10 // for payments, cards and mails
	addressShare   = 3
)

// payServer serves the recovery page.
type payServer struct {
	page    *PayPage
	csp     string // its Content-Security-Policy
	codes   string // for its script
	trusted []netip.Prefix
	allow   func(ctx context.Context, bucket string, perMinute int) (wait time.Duration) // may be nil
	bytes   *semaphore.Weighted                                                          // of request bodies in memory
	log     zerolog.Logger
}

// showPay shows the page. It changes nothing, because mail programs open links to scan them.
func (s *payServer) showPay(w http.ResponseWriter, r *http.Request) {
	v, err := s.page.Recovery.Page(r.Context(), r.PathValue("token"))
	switch {
	case errors.Is(err, recovery.ErrGone):
		s.sayGone(w, r)
	case err != nil:
		s.log.Error().Err(err).Msg("recovery page failed")
		s.sayDown(w, r)
	default:
		s.writePage(w, http.StatusOK, s.visitPage(v, locale.Match(customersTag(v, r))))
	}
}

// customersTag returns the customer's locale if the merchant set one, else the browser's.
func customersTag(v recovery.Page, r *http.Request) string {
	if v.Customer.Locale != "" {
		return v.Customer.Locale
	}
	return browsersTag(r)
}

// browsersTag returns the browser's preferred language.
func browsersTag(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("Accept-Language"), ",")
	tag, _, _ := strings.Cut(first, ";")
	return strings.TrimSpace(tag)
}

func (s *payServer) sayGone(w http.ResponseWriter, r *http.Request) {
	l := locale.Match(browsersTag(r))
	p := s.barePage(l, "page.gone_title", "page.gone_text")
	p.Button, p.Path = l.Text("page.gone_button", nil), "/pay/"+r.PathValue("token")
	s.writePage(w, http.StatusGone, p)
}

func (s *payServer) sayDown(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "30")
	s.writePage(w, http.StatusServiceUnavailable, s.barePage(locale.Match(browsersTag(r)), "page.down_title", "page.down_text"))
}

// payRenew gives the same answer for every token, so that it does not reveal which links exist.
func (s *payServer) payRenew(w http.ResponseWriter, r *http.Request) {
	if err := s.page.Recovery.Renew(r.Context(), r.PathValue("token")); err != nil {
		s.log.Error().Err(err).Msg("link not renewed")
		s.sayDown(w, r)
		return
	}
	s.writePage(w, http.StatusOK, s.barePage(locale.Match(browsersTag(r)), "page.renewed_title", "page.renewed_text"))
}
