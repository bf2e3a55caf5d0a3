package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/locale"
	"tranche/internal/recovery"
)

// Recovery is the desk that the page works with.
type Recovery interface {
	// Known reports whether there is, or was, a link with the token.
	Known(ctx context.Context, token string) (bool, error)
	// Visit finds what a token opens. Errors: recovery.ErrGone.
	Visit(ctx context.Context, token string) (recovery.Visit, error)
	// Pay hands out what a browser confirms each payment with.
	Pay(ctx context.Context, token string, o recovery.Order) ([]recovery.Handover, error)
	// SaveCard hands out what a browser saves a card with.
	SaveCard(ctx context.Context, token string, e *recovery.Evidence) (recovery.Handover, error)
	// RemoveCard takes the saved card back.
	RemoveCard(ctx context.Context, token string) (billing.Card, error)
	// Renew mails a new link, if there is anything to mail it for.
	Renew(ctx context.Context, token string) error
}

// PayPage is what the recovery page works with.
type PayPage struct {
	Desk     Recovery
	Links    *recovery.Links
	Merchant string // as customers know it
	Contact  string // a mail address for questions; may be empty

	BaseURL        string // how the page is reached from outside
	PublishableKey string
	StripeJSURL    string
	StripeAPIBase  string // empty means Stripe's own

	// Holidays move the dates of plans that go on, where their terms say so.
	Holidays billing.Holidays
	// Reasons are what may be told of each decline code and error code of Stripe's.
	Reasons map[string]billing.Reason
}

// How often in a minute the holder of a link may ask. An address may ask addressShare times as
// often with tokens that no link has; it does not limit the holders of links, because a proxy, an
// office or a mobile network may stand behind one address.
const (
	viewsPerMinute = 60 // of pages, and of whether the payment has arrived
	triesPerMinute = 10 // of payments and cards, and of mails
	addressShare   = 3
)

func (s *Server) payRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /pay/assets/{file}", s.payAsset)
	mux.Handle("GET /pay/{token}", s.guardPage(viewsPerMinute, s.showPay))
	mux.Handle("POST /pay/{token}/state", s.guardPage(viewsPerMinute, s.payState))
	mux.Handle("POST /pay/{token}/intent", s.guardPage(triesPerMinute, s.payIntent))
	mux.Handle("POST /pay/{token}/card", s.guardPage(triesPerMinute, s.payCard))
	mux.Handle("POST /pay/{token}/card/remove", s.guardPage(triesPerMinute, s.payRemoveCard))
	mux.Handle("POST /pay/{token}/renew", s.guardPage(triesPerMinute, s.payRenew))
}

// showPay shows the page. It changes nothing: mail programs follow links to look at them.
func (s *Server) showPay(w http.ResponseWriter, r *http.Request) {
	v, err := s.Pay.Desk.Visit(r.Context(), r.PathValue("token"))
	switch {
	case errors.Is(err, recovery.ErrGone):
		s.sayGone(w, r)
	case err != nil:
		s.Log.Error().Err(err).Msg("recovery page failed")
		s.sayDown(w, r)
	default:
		s.writePage(w, http.StatusOK, s.visitPage(v, locale.Match(customersTag(v, r))))
	}
}

// customersTag is the language of the customer, as the merchant told it, or as the browser says.
func customersTag(v recovery.Visit, r *http.Request) string {
	if v.Customer.Locale != "" {
		return v.Customer.Locale
	}
	return browsersTag(r)
}

// browsersTag is the language that the browser likes best.
func browsersTag(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("Accept-Language"), ",")
	tag, _, _ := strings.Cut(first, ";")
	return strings.TrimSpace(tag)
}

func (s *Server) sayGone(w http.ResponseWriter, r *http.Request) {
	l := locale.Match(browsersTag(r))
	p := s.barePage(l, "page.gone_title", "page.gone_text")
	p.Button, p.Path = l.Text("page.gone_button", nil), "/pay/"+r.PathValue("token")
	s.writePage(w, http.StatusGone, p)
}

func (s *Server) sayDown(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "30")
	s.writePage(w, http.StatusServiceUnavailable, s.barePage(locale.Match(browsersTag(r)), "page.down_title", "page.down_text"))
}

// payRenew answers the same whatever the token was: nobody learns by it which links there are.
func (s *Server) payRenew(w http.ResponseWriter, r *http.Request) {
	if err := s.Pay.Desk.Renew(r.Context(), r.PathValue("token")); err != nil {
		s.Log.Error().Err(err).Msg("link not renewed")
		s.sayDown(w, r)
		return
	}
	s.writePage(w, http.StatusOK, s.barePage(locale.Match(browsersTag(r)), "page.renewed_title", "page.renewed_text"))
}
