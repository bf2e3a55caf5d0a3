package stripesim

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/stripe/stripe-go/v76/webhook"
)

// delivery is one event on its way to one endpoint.
type delivery struct {
	eventID, url, secret, version string
	tries                         int
	counted                       bool // settles the event; an injected duplicate does not
}

// dispatcher sends deliveries with bounded concurrency. It runs goroutines only while there is
// something to send, and timers only for delayed deliveries.
type dispatcher struct {
	server *Server
	client *http.Client
	limit  int
	ctx    context.Context
	stop   context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	queue   []*delivery
	running int
	pending int
	timers  map[*time.Timer]struct{}
	idle    chan struct{} // closed while nothing is pending
	closed  bool
}

func newDispatcher(s *Server) *dispatcher {
	transport := s.opts.WebhookTransport
	if transport == nil {
		transport = &http.Transport{DisableKeepAlives: true}
	}
	ctx, stop := context.WithCancel(context.Background())
	idle := make(chan struct{})
	close(idle)
	return &dispatcher{
		server: s, limit: s.opts.WebhookConcurrency, ctx: ctx, stop: stop, idle: idle, timers: map[*time.Timer]struct{}{},
		client: &http.Client{Transport: transport, Timeout: DefaultWebhookTimeout, CheckRedirect: noRedirect},
	}
}

// noRedirect makes a 3xx answer the final one: Stripe counts it as a failure.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// add plans the delivery of an event; the caller holds the server's lock.
func (d *dispatcher) add(e *event, hook *endpoint) {
	one := &delivery{eventID: e.id, url: hook.url, secret: hook.secret, counted: true}
	var wait time.Duration
	for _, rule := range d.server.faults.planDelivery(e.kind, e.objectMetadata()) {
		switch rule.Action {
		case ActionWebhookDrop:
			e.pending--
			e.failed++
			return
		case ActionWebhookDuplicate:
			twin := *one
			twin.counted = false
			d.enqueue(&twin, 0)
		case ActionWebhookDelay:
			wait += time.Duration(rule.Delay)
		case ActionWebhookShuffle:
			wait += d.shuffleDelay(time.Duration(rule.Delay))
		case ActionWebhookAPIVersion:
			one.version = rule.APIVersion
		}
	}
	d.enqueue(one, wait)
}

func (d *dispatcher) shuffleDelay(most time.Duration) time.Duration {
	if most <= 0 {
		most = 100 * time.Millisecond
	}
	return time.Duration(d.server.random.below(int64(most)))
}

// objectMetadata returns the metadata of the event's object.
func (e *event) objectMetadata() map[string]string {
	var about struct {
		Metadata map[string]string `json:"metadata"`
	}
	if err := json.Unmarshal(e.object, &about); err != nil {
		return nil
	}
	return about.Metadata
}

// enqueue counts a new delivery as pending and schedules it.
func (d *dispatcher) enqueue(one *delivery, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	if d.pending == 0 {
		d.idle = make(chan struct{})
	}
	d.pending++
	d.schedule(one, wait)
}

// schedule puts a delivery into the queue now or later; d.mu is held.
func (d *dispatcher) schedule(one *delivery, wait time.Duration) {
	if wait <= 0 {
		d.push(one)
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.closed {
			return
		}
		delete(d.timers, timer)
		d.push(one)
	})
	d.timers[timer] = struct{}{}
}

func (d *dispatcher) push(one *delivery) {
	d.queue = append(d.queue, one)
	if d.running < d.limit {
		d.running++
		d.wg.Go(d.work)
	}
}

// work sends queued deliveries until none is left.
func (d *dispatcher) work() {
	for {
		d.mu.Lock()
		if len(d.queue) == 0 || d.closed {
			d.running--
			d.mu.Unlock()
			return
		}
		one := d.queue[0]
		d.queue = d.queue[1:]
		d.mu.Unlock()
		d.attempt(one)
	}
}

// attempt sends a delivery once and decides whether it is tried again.
func (d *dispatcher) attempt(one *delivery) {
	delivered := d.send(one)
	backoff := d.server.opts.WebhookBackoff
	if !delivered && one.tries < len(backoff) {
		wait := backoff[one.tries]
		one.tries++
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.closed {
			d.schedule(one, wait)
		}
		return
	}
	if one.counted {
		d.server.settle(one.eventID, delivered)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending--; d.pending == 0 && !d.closed {
		close(d.idle)
	}
}

// send makes one signed request; only a 2xx answer is a success.
func (d *dispatcher) send(one *delivery) bool {
	body := d.server.renderEvent(one.eventID, one.version)
	req, err := http.NewRequestWithContext(d.ctx, http.MethodPost, one.url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	req.Header.Set("Stripe-Signature", signature(d.server.opts.Wall(), body, one.secret))
	resp, err := d.client.Do(req)
	if err != nil {
		d.server.opts.Log.Debug().Str("event", one.eventID).Int("try", one.tries+1).Msg("stripesim webhook: no answer")
		return false
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)) // the answer's content means nothing to Stripe
	_ = resp.Body.Close()
	d.server.opts.Log.Debug().Str("event", one.eventID).Int("try", one.tries+1).Int("status", resp.StatusCode).Msg("stripesim webhook")
	return resp.StatusCode >= 200 && resp.StatusCode < 300
}

// signature returns the Stripe-Signature header. v0 is the second scheme that test mode adds;
// receivers must ignore it.
func signature(now time.Time, body []byte, secret string) string {
	v1 := hex.EncodeToString(webhook.ComputeSignature(now, body, secret))
	v0 := hex.EncodeToString(webhook.ComputeSignature(now, body, "v0:"+secret))
	return fmt.Sprintf("t=%d,v1=%s,v0=%s", now.Unix(), v1, v0)
}

// Drain waits until no webhook delivery is pending, including those that wait for another try. It
// returns the context's error if the context ends first. After Close nothing is pending.
func (s *Server) Drain(ctx context.Context) error {
	for _, one := range s.accounts() {
		if err := one.Drain(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.endDue()
	s.mu.Unlock()
	for {
		s.delivery.mu.Lock()
		idle, pending, closed := s.delivery.idle, s.delivery.pending, s.delivery.closed
		s.delivery.mu.Unlock()
		if pending == 0 || closed {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("stripesim: %d webhook deliveries pending: %w", pending, ctx.Err())
		}
	}
}

func (d *dispatcher) close() {
	d.mu.Lock()
	if !d.closed {
		d.closed = true
		if d.pending > 0 {
			close(d.idle)
		}
		for timer := range d.timers {
			timer.Stop()
		}
	}
	d.mu.Unlock()
	d.stop()
	d.wg.Wait()
}
