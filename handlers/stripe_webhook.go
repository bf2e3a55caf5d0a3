package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

// maxWebhookBody is far above the size of Stripe's events, and small enough to bound a flood.
const maxWebhookBody = 1 << 20

// signatureHeader is the header with Stripe's signature of the body.
const signatureHeader = "Stripe-Signature"

// stripeIngress stores Stripe's events.
type stripeIngress struct {
	base
	checkHeader func(header string, now time.Time) error // may be nil
	verify      func(payload []byte, header string, now time.Time) error
	parse       func(payload []byte) (billing.Event, error)
	grace       time.Duration // real, before an event's first claim by the scheduler
	inbox       *inbox
	operator    *operator.Operator
	malformed   zerolog.Logger // about signed webhooks that are not valid events, at a limited rate
}

// malformedLines is the maximum number of log lines per minute about malformed webhooks.
const malformedLines = 10

func newStripeIngress(c Config, b base, op *operator.Operator) *stripeIngress {
	return &stripeIngress{
		base: b, checkHeader: c.CheckHeader, verify: c.Verify, parse: c.Parse, grace: c.Grace,
		inbox: newInbox(c.Store, c.Received), operator: op,
		malformed: c.Log.Sample(&zerolog.BurstSampler{Burst: malformedLines, Period: time.Minute}),
	}
}

// receive stores one Stripe event. It answers 2xx only once the event is stored, so that Stripe
// resends every event that was not. A duplicate is also answered 2xx. It changes nothing, unless
// the stored event has failed: then the event is handled again.
func (s *stripeIngress) receive(w http.ResponseWriter, r *http.Request) {
	if !s.mayBeSigned(w, r) {
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhookBody))
	if err != nil {
		writeProblem(w, readProblem(err))
		return
	}
	if err := s.verify(body, r.Header.Get(signatureHeader), s.clock.Wall()); err != nil {
		s.refuseSignature(w, r, err)
		return
	}
	event, err := s.parse(body)
	if err != nil {
		s.malformed.Warn().Err(err).Int("bytes", len(body)).Msg("signed webhook refused: it is not a Stripe event; if Stripe sent it, inspect it in the dashboard")
		writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "malformed_event", Detail: err.Error()})
		return
	}
	now := s.clock.Now()
	event.Status, event.ReceivedAt, event.ClaimAfter = billing.EventPending, now, now.Add(s.clock.Simulated(s.grace))
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
func (s *stripeIngress) mayBeSigned(w http.ResponseWriter, r *http.Request) bool {
	if s.checkHeader == nil {
		return true
	}
	err := s.checkHeader(r.Header.Get(signatureHeader), s.clock.Wall())
	if err != nil {
		s.refuseSignature(w, r, err)
	}
	return err == nil
}

func (s *stripeIngress) refuseSignature(w http.ResponseWriter, r *http.Request, err error) {
	s.log.Warn().Err(err).Str("remote", r.RemoteAddr).Msg("webhook refused: wrong signature")
	writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "bad_signature", Close: true,
		Detail: "the Stripe-Signature header does not match the body and STRIPE_WEBHOOK_SECRET, or its time is too far from now"})
}

// retryFailed makes a repeated event pending again and returns true, if the stored event has
// failed: an operator resends such an event in Stripe's dashboard once the cause is fixed. Any
// other event stays as it is.
func (s *stripeIngress) retryFailed(ctx context.Context, sent billing.Event) (bool, error) {
	known, err := s.store.Event(ctx, sent.ID)
	if err != nil || known.Status != billing.EventFailed {
		return false, err
	}
	ctx = billing.ActingAs(ctx, billing.Party{Actor: billing.NewActor(billing.ActorEvent, sent.ID)})
	e, again, err := s.operator.RetryEvent(ctx, sent.ID, s.clock.Simulated(s.grace), billing.EventFailed)
	if err != nil || !again {
		return false, err
	}
	s.log.Info().Str("event", e.ID).Str("type", e.Type).Str("failed", e.Reason).Msg("failed event resent: it is handled again")
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
