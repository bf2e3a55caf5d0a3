package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// The ways in which a plan is stopped.
const (
	stopPause   = "pause"
	stopCancel  = "cancel"
	stopRefund  = "refund"
	stopDispute = "dispute"
)

// stopping is what stops a plan some time after its first payment, if anything does.
type stopping struct {
	Kind   string // empty for nothing
	After  time.Duration
	Resume time.Duration // a pause ends after so long; 0 for never
	Dates  string        // what becomes of the dates then
}

// drawStops gives one order in five a stop. It has a stream of its own, so that the orders stay what they were.
func drawStops(seed uint64, orders []order, trouble time.Duration) {
	r := stream(seed, "stops")
	for i := range orders {
		s := stopping{Kind: pick(r, stopPause, stopPause, stopCancel, stopCancel, stopRefund, stopDispute), After: between(r, 0, trouble/8)}
		if s.Kind == stopPause && r.IntN(2) == 0 {
			s.Resume, s.Dates = between(r, time.Second, trouble/8+time.Second), pick(r, "shift", "catch_up")
		}
		if r.IntN(5) == 0 {
			orders[i].Stop = s
		}
	}
}

// stopped is what became of a stop. Times are simulated.
type stopped struct {
	Told     time.Time // when it was acknowledged; zero when it was refused, or nobody got an answer
	Resuming time.Time // when the resumption was asked for; zero when it was not
	Resumed  bool      // it was acknowledged
}

// stop stops a plan in the way that its order says, and says so to the auditor.
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
	a.Stopped.Told = s.clock.Now()
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

// refund gives the first payment back. When no answer comes it is looked at whether it was done all the same.
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

// stopPatience is how long the merchant waits for a plan to become active, so that it can be stopped.
const stopPatience = 30 * time.Second

// changePlan asks Tranche until it answers. An answer that was lost makes the second request refused, with the plan in the
// status that was wanted.
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
