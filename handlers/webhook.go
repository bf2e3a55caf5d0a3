package handlers

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"tranche/internal/billing"
)

// maxWebhookBody is far above any event Stripe is known to send, and small enough to refuse a flood.
const maxWebhookBody = 1 << 20

// stripeWebhook takes in one event. It answers 2xx only once the event is stored, so that Stripe sends again whatever
// did not get that far; an event that is stored already is answered 2xx too.
func (s *Server) stripeWebhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhookBody))
	if err != nil {
		writeProblem(w, readProblem(err))
		return
	}
	if err := s.Verify(body, r.Header.Get("Stripe-Signature"), s.Clock.Wall()); err != nil {
		s.Log.Warn().Err(err).Str("remote", r.RemoteAddr).Msg("webhook refused: wrong signature")
		writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "bad_signature",
			Detail: "the Stripe-Signature header does not match the body and STRIPE_WEBHOOK_SECRET, or its time is too far from now"})
		return
	}
	event, err := s.Parse(body)
	if err != nil {
		writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "malformed_event", Detail: err.Error()})
		return
	}
	now := s.Clock.Now()
	event.Status, event.ReceivedAt, event.WakeAt = billing.EventPending, now, now.Add(s.Clock.Simulated(s.Grace))
	fresh, err := s.inbox.store(r.Context(), event)
	if err != nil {
		s.fail(w, r, fmt.Errorf("store event %s: %w", event.ID, err))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"received": true, "duplicate": !fresh})
}

func readProblem(err error) problem {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return bodyProblem(err)
	}
	return problem{Status: http.StatusBadRequest, Slug: "unreadable_body", Detail: "the body did not arrive whole"}
}
