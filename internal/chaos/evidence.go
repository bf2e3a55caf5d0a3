package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// evidence is everything that is known about a run from outside.
type evidence struct {
	Agreements []agreement
	Plans      []plan
	Notices    []notice
	Stuck      []inboxEvent // events that are pending or failed
	Mail       mailbox
	Stripe     stripeState
	Drained    bool      // no webhook is under way
	Panics     []string  // lines of the processes' logs that tell of one
	Now        time.Time // simulated
	// Overdue is the simulated time before which what fell due must have been dealt with.
	Overdue time.Time
	// InFlight is the simulated time for which a call that was under way may still arrive.
	InFlight time.Duration
}

// grace is how long, in real time, something due may take when nothing is broken.
const grace = 15 * time.Second

// inFlight is how long, in real time, a call may take from the worker's last look until Stripe has carried it out: it is
// sent within a lease, times out, and the simulator may have been slow.
const inFlight = lease + stripeTimeout + 4*time.Second

// gather reads everything. Tranche is asked before Stripe: a payment that succeeds in between is then known to Stripe
// alone, which is how it should be.
func (w *world) gather(ctx context.Context) (evidence, error) {
	e := evidence{Agreements: w.shop.all(), Now: w.clock.Now(), Drained: w.stripe.drained(ctx)}
	e.Overdue, e.InFlight = e.Now.Add(-w.clock.Simulated(grace)), w.clock.Simulated(inFlight)
	var err error
	for _, status := range []string{"pending", "failed"} {
		var out []byte
		if out, err = w.command(ctx, "event", "list", "--status", status, "--limit", "500", "--json"); err != nil {
			return e, err
		}
		found, err := decodeEvents(out)
		if err != nil {
			return e, err
		}
		e.Stuck = append(e.Stuck, found...)
	}
	if e.Plans, err = w.tranche.plans(ctx); err != nil {
		return e, err
	}
	if e.Notices, err = w.tranche.notices(ctx); err != nil {
		return e, err
	}
	e.Mail = w.mail.box()
	if e.Stripe, err = w.stripe.state(ctx); err != nil {
		return e, err
	}
	e.Panics, err = panics(w.logs)
	return e, err
}

// undelivered counts the webhooks that never arrived.
func (e evidence) undelivered() int {
	n := 0
	for _, event := range e.Stripe.Events {
		n += event.Pending
	}
	return n
}

// panics finds what processes say when a program is broken rather than disturbed.
func panics(logs string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(logs, "*.log"))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "panic:") || strings.Contains(line, `"panic":`) || strings.Contains(line, "DATA RACE") {
				found = append(found, filepath.Base(name)+": "+strings.TrimSpace(line))
			}
		}
	}
	return found, nil
}

// keep writes the evidence beside the logs, for whoever looks into a failure.
func (e evidence) keep(dir string) error {
	for name, what := range map[string]any{
		"plans.json": e.Plans, "notices.json": e.Notices, "stripe.json": e.Stripe, "mail.json": e.Mail, "agreements.json": e.Agreements,
		"events.json": e.Stuck,
	} {
		text, err := json.MarshalIndent(what, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
