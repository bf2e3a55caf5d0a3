package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// The ways to stop a plan.
const (
	stopPause   = "pause"
	stopCancel  = "cancel"
	stopRefund  = "refund"
	stopDispute = "dispute"
)

// What happens to the dates when a paused plan resumes.
const (
	datesShift   = "shift"
	datesCatchUp = "catch_up"
)

// stopping describes how a plan is stopped some time after its first payment, if at all.
type stopping struct {
	Kind   string // empty for no stop
	After  time.Duration
	Resume time.Duration // length of a pause; 0 for no end
	Dates  string        // how the dates change when the plan resumes
}

// drawStops stops one order in five. It has its own random stream, so that the orders stay the
// same.
func drawStops(seed uint64, orders []order, faultPhase time.Duration) {
	r := stream(seed, "stops")
	for i := range orders {
		s := stopping{Kind: pick(r, stopPause, stopPause, stopCancel, stopCancel, stopRefund, stopDispute), After: between(r, 0, faultPhase/8)}
		if s.Kind == stopPause && r.IntN(2) == 0 {
			s.Resume, s.Dates = between(r, time.Second, faultPhase/8+time.Second), pick(r, datesShift, datesCatchUp)
		}
		if r.IntN(5) == 0 {
			orders[i].Stop = s
		}
	}
}

// stopped is the result of a stop. Times are simulated.
type stopped struct {
	Acknowledged time.Time // when the stop was acknowledged; zero if it was rejected or not answered
	Resuming     time.Time // when the resumption was requested; zero if it was not
	Resumed      bool      // the resumption was acknowledged
}

// stop stops a plan as its order requires, and records the result for the auditor.
func (s *shop) stop(ctx context.Context, a *agreement) {
	st := a.Order.Stop
	if !pause(ctx, st.After) {
		return
	}
	var err error
	switch st.Kind {
	case stopRefund:
		err = s.refund(ctx, a)
	case stopDispute:
		_, err = s.stripe.post(ctx, "/_sim/dispute", "", url.Values{"payment_intent": {a.Intent}})
	default:
		err = s.changePlan(ctx, a.Order.Reference, st.Kind, map[string]string{stopPause: "paused", stopCancel: "canceled"}[st.Kind], "")
	}
	if err != nil {
		s.note("%s: no %s: %v", a.Order.Reference, st.Kind, err)
		return
	}
	s.mu.Lock()
	a.Stopped.Acknowledged = s.clock.Now()
	s.mu.Unlock()
	if st.Resume == 0 || !pause(ctx, st.Resume) {
		return
	}
	s.mu.Lock()
	a.Stopped.Resuming = s.clock.Now()
	s.mu.Unlock()
	err = s.changePlan(ctx, a.Order.Reference, "resume", "active", `{"dates": "`+st.Dates+`"}`)
	s.mu.Lock()
	a.Stopped.Resumed = err == nil
	s.mu.Unlock()
}

// refund refunds the first payment. If no answer arrives, it checks whether Stripe made the refund.
func (s *shop) refund(ctx context.Context, a *agreement) error {
	_, err := s.stripe.post(ctx, "/v1/refunds", "refund-"+a.Order.Reference, url.Values{"payment_intent": {a.Intent}})
	if err == nil {
		return nil
	}
	return eventually(ctx, merchantPatience, 500*time.Millisecond, func(ctx context.Context) error {
		given, looked := s.stripe.refunded(ctx, a.Intent)
		switch {
		case looked != nil:
			return looked
		case given == 0:
			return final{err}
		}
		return nil
	})
}

// stopPatience is how long the merchant waits for a plan to become active, so that it can be
// stopped.
const stopPatience = 30 * time.Second

// changePlan repeats a request to change a plan until it is answered. If the answer to the first
// request was lost, the second is rejected and the plan has the wanted status.
func (s *shop) changePlan(ctx context.Context, reference, what, want, body string) error {
	return eventually(ctx, stopPatience, 500*time.Millisecond, func(ctx context.Context) error {
		p, found, err := s.tranche.byReference(ctx, reference)
		if err != nil || !found || p.Status == "awaiting_first_payment" {
			return errors.Join(err, errors.New("the plan is not active yet"))
		}
		if p.Status == want {
			return nil
		}
		err = s.tranche.call(ctx, http.MethodPost, "/v1/plans/"+p.ID+"/"+what, nil, []byte(body), nil)
		var r *refusal
		if !errors.As(err, &r) || r.Status != http.StatusConflict {
			return err
		}
		if p, _, looked := s.tranche.byReference(ctx, reference); looked != nil || p.Status == want {
			return looked
		}
		return final{err}
	})
}
