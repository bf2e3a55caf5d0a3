package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"tranche/internal/billing"
	"tranche/internal/locale"
	"tranche/internal/plaintext"
	"tranche/internal/recovery"
)

// MandateVersion is the version of the text that a customer accepts when saving a card. It must
// change whenever the text changes in any language; a test checks that.
const MandateVersion = "2026-11-28"

// maxUserAgent bounds the stored part of a browser's User-Agent, in characters.
const maxUserAgent = 300

// confirmationView is the JSON of a payment or card for the page's script.
type confirmationView struct {
	Charge        billing.ChargeID `json:"charge,omitempty"`
	State         recovery.State   `json:"branch"`
	ClientSecret  string           `json:"client_secret,omitempty"`
	PaymentMethod string           `json:"payment_method,omitempty"`
}

func viewConfirmation(h recovery.Confirmation) confirmationView {
	return confirmationView{h.Charge, h.State, h.ClientSecret.Reveal(), h.PaymentMethod}
}

// payState returns the state of the page, so that its script can detect a change.
func (s *payServer) payState(w http.ResponseWriter, r *http.Request) {
	v, err := s.page.Recovery.Page(r.Context(), r.PathValue("token"))
	if err != nil {
		s.failPage(w, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"state": stateOf(v)})
}

// payIntent returns the client secret of each payment that the customer makes now.
func (s *payServer) payIntent(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Charges []billing.ChargeID `json:"charges"`
		Total   int64              `json:"total"` // minor units: the sum on the button
		Saved   bool               `json:"saved"`
		Consent string             `json:"consent"`
		Listed  string             `json:"listed"`
		Charge  string             `json:"charge"` // sent by a page from before an upgrade
	}
	if !decodeBody(w, r, &ask) {
		return
	}
	if ask.Charge != "" {
		s.failPage(w, fmt.Errorf("the page is from before an upgrade: %w", recovery.ErrNotYours))
		return
	}
	order := recovery.PayRequest{Charges: ask.Charges, Total: ask.Total, Saved: ask.Saved, Address: clientAddress(r, s.trusted)}
	var err error
	if !ask.Saved {
		if order.Evidence, err = s.evidence(r, ask.Consent, ask.Listed, ask.Charges); err != nil {
			s.failPage(w, err)
			return
		}
	}
	given, err := s.page.Recovery.Pay(r.Context(), r.PathValue("token"), order)
	if err != nil {
		s.failPage(w, err)
		return
	}
	views := make([]confirmationView, len(given))
	for i, h := range given {
		views[i] = viewConfirmation(h)
	}
	writeJSON(w, http.StatusOK, map[string][]confirmationView{"payments": views})
}

// payCard returns the client secret for saving a card without a payment.
func (s *payServer) payCard(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Consent string `json:"consent"`
		Listed  string `json:"listed"`
	}
	if !decodeBody(w, r, &ask) {
		return
	}
	evidence, err := s.evidence(r, ask.Consent, ask.Listed, nil)
	if err != nil {
		s.failPage(w, err)
		return
	}
	given, err := s.page.Recovery.SaveCard(r.Context(), r.PathValue("token"), evidence)
	if err != nil {
		s.failPage(w, err)
		return
	}
	writeJSON(w, http.StatusOK, viewConfirmation(given))
}

// payRemoveCard removes the saved card. If the call to Stripe fails, the customer still sees
// success, because Tranche no longer charges the card.
func (s *payServer) payRemoveCard(w http.ResponseWriter, r *http.Request) {
	card, err := s.page.Recovery.RemoveCard(r.Context(), r.PathValue("token"))
	if err != nil && card.ID == "" {
		s.failPage(w, err)
		return
	}
	if err != nil {
		s.log.Error().Err(err).Str("card", string(card.ID)).Str("payment_method", card.PaymentMethod).
			Msg("card removed by its customer is no longer charged but still saved at Stripe; detach it there")
	}
	writeJSON(w, http.StatusOK, map[string]bool{"removed": true})
}

// evidence returns the evidence of the customer's consent. If the text or the list has changed
// since the page was loaded, it fails and the page must be loaded again. paid are the charges that
// are paid with the new card.
func (s *payServer) evidence(r *http.Request, version, listed string, paid []billing.ChargeID) (*recovery.Evidence, error) {
	if version == "" {
		return nil, recovery.ErrNoConsent
	}
	if version != MandateVersion {
		return nil, fmt.Errorf("%w: the page showed text %.20q, and this is %s", recovery.ErrNoConsent, version, MandateVersion)
	}
	v, err := s.page.Recovery.Page(r.Context(), r.PathValue("token"))
	if err != nil {
		return nil, err
	}
	l := locale.Match(customersTag(v, r))
	shown := teller{l, v, s.page.Merchant, s.page.Holidays}.agree(chargesOf(v, paid))
	if shown.Key != listed {
		return nil, fmt.Errorf("%w: the list of charges for the card has changed", recovery.ErrNoConsent)
	}
	return &recovery.Evidence{
		TextVersion: MandateVersion, Text: shown.record(), Locale: l.Tag(), Address: clientAddress(r, s.trusted),
		UserAgent: plaintext.CleanLine(r.UserAgent(), maxUserAgent), Listed: shown.listed,
	}, nil
}

// chargesOf returns the charges with these ids in the order of the page's plan. It leaves out
// charges of other plans.
func chargesOf(v recovery.Page, ids []billing.ChargeID) []billing.Charge {
	var found []billing.Charge
	for _, c := range v.Charges {
		if slices.Contains(ids, c.ID) {
			found = append(found, c)
		}
	}
	return found
}

// failPage answers the page's script with an error: the page has changed, the request can be
// repeated, or a person must look into it.
func (s *payServer) failPage(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, recovery.ErrGone):
		writeProblem(w, problem{Status: http.StatusNotFound, Slug: "not_found"})
	case errors.Is(err, recovery.ErrLocked):
		s.log.Warn().Err(err).Msg("recovery page locked")
		writeProblem(w, problem{Status: http.StatusLocked, Slug: "locked"})
	case errors.Is(err, recovery.ErrNotYours), errors.Is(err, recovery.ErrNoConsent):
		writeProblem(w, problem{Status: http.StatusConflict, Slug: "changed", Detail: err.Error()})
	case errors.Is(err, billing.ErrUnavailable), errors.Is(err, billing.ErrConflict), errors.Is(err, billing.ErrExists):
		s.log.Warn().Err(err).Msg("recovery page: not now")
		writeProblem(w, problem{Status: http.StatusServiceUnavailable, Slug: "unavailable", Retry: retryAfter})
	default:
		s.log.Error().Err(err).Msg("recovery page failed")
		writeProblem(w, problem{Status: http.StatusBadGateway, Slug: "failed"})
	}
}
