package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

// maxWebhookBody is far above any event Stripe is known to send, and small enough to refuse a
// flood.
const maxWebhookBody = 1 << 20

// signatureHeader is where Stripe signs a body.
const signatureHeader = "Stripe-Signature"

// stripeWebhook stores one event of Stripe's. It answers 2xx only once the event is stored, so that
// Stripe resends whatever was not. A duplicate is answered 2xx too and changes nothing, unless the
// stored event has failed: then it is handled again.
func (s *Server) stripeWebhook(w http.ResponseWriter, r *http.Request) {
	if !s.mayBeSigned(w, r) {
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhookBody))
	if err != nil {
		writeProblem(w, readProblem(err))
		return
	}
	if err := s.Verify(body, r.Header.Get(signatureHeader), s.Clock.Wall()); err != nil {
		s.refuseSignature(w, r, err)
		return
	}
	event, err := s.Parse(body)
	if err != nil {
		s.malformed.Warn().Err(err).Int("bytes", len(body)).Msg("signed webhook refused: it is no event of Stripe's; if Stripe sent it, look at it in the dashboard")
		writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "malformed_event", Detail: err.Error()})
		return
	}
	now := s.Clock.Now()
	event.Status, event.ReceivedAt, event.WakeAt = billing.EventPending, now, now.Add(s.Clock.Simulated(s.Grace))
	fresh, err := s.inbox.store(r.Context(), event)
	if err == nil && !fresh {
		fresh, err = s.retryFailed(r.Context(), event)
	}
	if err != nil {
		s.fail(w, r, fmt.Errorf("store event %s: %w", event.ID, err))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"received": true, "duplicate": !fresh})
}

// mayBeSigned reports whether the signature header can belong to a body that Stripe signed now. It
// answers itself when it can't: the body of a stranger is not read.
func (s *Server) mayBeSigned(w http.ResponseWriter, r *http.Request) bool {
	if s.CheckHeader == nil {
		return true
	}
	err := s.CheckHeader(r.Header.Get(signatureHeader), s.Clock.Wall())
	if err != nil {
		s.refuseSignature(w, r, err)
	}
	return err == nil
}

func (s *Server) refuseSignature(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.Warn().Err(err).Str("remote", r.RemoteAddr).Msg("webhook refused: wrong signature")
	writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "bad_signature", Close: true,
		Detail: "the Stripe-Signature header does not match the body and STRIPE_WEBHOOK_SECRET, or its time is too far from now"})
}

// retryFailed makes an event that came again pending, and reports true, if it failed before: it was
// resent in Stripe's dashboard because its cause is fixed. An event that did not fail stays as it
// is.
func (s *Server) retryFailed(ctx context.Context, sent billing.Event) (bool, error) {
	known, err := s.Store.Event(ctx, sent.ID)
	if err != nil || known.Status != billing.EventFailed {
		return false, err
	}
	ctx = billing.ActingAs(ctx, billing.Party{Actor: billing.NewActor(billing.ActorEvent, sent.ID)})
	e, again, err := operator.RetryEvent(ctx, s.Store, sent.ID, sent.ReceivedAt, sent.WakeAt, billing.EventFailed)
	if err != nil || !again {
		return false, err
	}
	s.Log.Info().Str("event", e.ID).Str("type", e.Type).Str("failed", e.Reason).Msg("failed event resent: it is handled again")
	s.inbox.received([]billing.Event{e})
	return true, nil
}

// readProblem is why a body could not be read.
func readProblem(err error) problem {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return bodyProblem(err)
	}
	if p, ok := arrivalProblem(err); ok {
		return p
	}
	return problem{Status: http.StatusBadRequest, Slug: "unreadable_body", Detail: "the body did not arrive whole"}
}

// arrivalProblem is why a body was not taken, whatever is in it.
func arrivalProblem(err error) (problem, bool) {
	switch {
	case errors.Is(err, errBusy):
		return problem{Status: http.StatusServiceUnavailable, Slug: "busy", Retry: retryAfter, Close: true,
			Detail: "too many requests are being read at once; send the same request again"}, true
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem{Status: http.StatusRequestTimeout, Slug: "body_too_slow", Close: true, Detail: "the body did not arrive in time"}, true
	}
	return problem{}, false
}
