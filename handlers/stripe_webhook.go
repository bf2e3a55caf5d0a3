package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"tranche/internal/billing"
)

// maxWebhookBody is far above the size of Stripe's events, and small enough to bound a flood.
const maxWebhookBody = 1 << 20

// signatureHeader is the header with Stripe's signature of the body.
const signatureHeader = "Stripe-Signature"

// stripeWebhook stores one Stripe event. It answers 2xx only once the event is stored, so that
// Stripe resends every event that was not. A duplicate is also answered 2xx. It changes nothing,
// unless the stored event has failed: then the event is handled again.
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
		s.malformed.Warn().Err(err).Int("bytes", len(body)).Msg("signed webhook refused: it is not a Stripe event; if Stripe sent it, inspect it in the dashboard")
		writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "malformed_event", Detail: err.Error()})
		return
	}
	now := s.Clock.Now()
	event.Status, event.ReceivedAt, event.ClaimAfter = billing.EventPending, now, now.Add(s.Clock.Simulated(s.Grace))
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

// mayBeSigned reports whether the signature header can belong to a body that Stripe signed now. If
// not, it sends the answer, and the body is never read.
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

// retryFailed makes a repeated event pending again and returns true, if the stored event has
// failed: an operator resends such an event in Stripe's dashboard once the cause is fixed. Any
// other event stays as it is.
func (s *Server) retryFailed(ctx context.Context, sent billing.Event) (bool, error) {
	known, err := s.Store.Event(ctx, sent.ID)
	if err != nil || known.Status != billing.EventFailed {
		return false, err
	}
	ctx = billing.ActingAs(ctx, billing.Party{Actor: billing.NewActor(billing.ActorEvent, sent.ID)})
	e, again, err := s.operator.RetryEvent(ctx, sent.ID, s.Clock.Simulated(s.Grace), billing.EventFailed)
	if err != nil || !again {
		return false, err
	}
	s.Log.Info().Str("event", e.ID).Str("type", e.Type).Str("failed", e.Reason).Msg("failed event resent: it is handled again")
	s.inbox.received([]billing.Event{e})
	return true, nil
}

// readProblem returns the problem of a body that could not be read.
func readProblem(err error) problem {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return bodyProblem(err)
	}
	if p, ok := arrivalProblem(err); ok {
		return p
	}
	return problem{Status: http.StatusBadRequest, Slug: "unreadable_body", Detail: "the body did not arrive whole"}
}

// arrivalProblem returns the problem of a body that did not arrive in time or exceeds the limit of
// all requests together.
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
