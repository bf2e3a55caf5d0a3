package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// evidence is everything that can be observed about a run from outside.
type evidence struct {
	Agreements []agreement
	Plans      []plan
	Notices    []notice
	Stuck      []inboxEvent // events that are pending or failed
	Mail       mailbox
	Stripe     stripeState
	Foreign    stripeState // in an account that the database does not belong to
	Drained    bool        // no webhook is in flight
	Panics     []string    // lines of the processes' logs that report a panic
	Lost       []window    // windows that were lost when the database was restored
	Now        time.Time   // simulated
	// Overdue is the simulated time limit: everything due before it must have been processed.
	Overdue time.Time
	// InFlight is the simulated time within which a call in flight may still reach Stripe.
	InFlight time.Duration
}

// grace is how long, in real time, processing may take when nothing is broken.
const grace = 15 * time.Second

// inFlight bounds the real time from the worker's preflight until Stripe has carried out the call:
// the call is sent within a lease, times out, and the simulator may have been slow.
const inFlight = lease + stripeTimeout + 4*time.Second

// gather reads all evidence. It asks Tranche before Stripe, so a payment that succeeds in between
// is known to Stripe only. The audits allow for that order.
func (w *world) gather(ctx context.Context) (evidence, error) {
	e := evidence{Agreements: w.shop.all(), Now: w.clock.Now(), Drained: w.stripe.drained(ctx), Lost: w.windows()}
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
	for i := range e.Mail.Letters {
		l := &e.Mail.Letters[i]
		l.Arrived = w.clock.Now().Add(-w.clock.Simulated(wall().Sub(l.At)))
	}
	if e.Stripe, err = w.stripe.state(ctx); err != nil {
		return e, err
	}
	if e.Foreign, err = w.foreign.state(ctx); err != nil {
		return e, err
	}
	e.Panics, err = panics(w.logs)
	return e, err
}

// undelivered returns the number of webhooks that never arrived.
func (e evidence) undelivered() int {
	n := 0
	for _, event := range e.Stripe.Events {
		n += event.Pending
	}
	return n
}

// panics returns the log lines that show a broken program, not a disturbed one.
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

// keep writes the evidence next to the logs, for debugging a failed run.
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
