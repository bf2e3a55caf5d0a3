package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/queue"
	"tranche/internal/stripesim"
)

// The keys open nothing but the simulator and the server of the demo itself, on loopback.
const (
	demoSecretKey     = "sk_test_demo"                         //nolint:gosec // no secret: see above
	demoWebhookSecret = "whsec_demo"                           //nolint:gosec // no secret: see above
	demoAPIKey        = "demo-key-of-the-merchant-on-loopback" //nolint:gosec // no secret: see above
	demoReturnURL     = "https://shop.example/pay?intent={payment_intent}"
	demoMerchant      = "Example Shop"
)

// demoStripeRate is above the demo's need: months in seconds need more calls per second than Stripe
// allows.
const demoStripeRate = "10000"

// demoWorld is Tranche's environment: Stripe, the mail server, the merchant's shop and its
// customers.
type demoWorld struct {
	pace    *clock.Pace
	clock   clock.Clock
	sim     *stripesim.Server
	simHTTP *http.Server
	simURL  string
	mails   *mailbox
	app     *app.App
	browser *stripesim.Browser
	actors  []*actor
	acting  sync.WaitGroup
	failed  chan error
	stories chan story
}

// story is an action of an actor, for the timeline.
type story struct {
	at    time.Time
	actor *actor
	text  string
}

// logAction adds an actor's action to the timeline.
func (w *demoWorld) logAction(a *actor, text string) {
	w.stories <- story{w.clock.Now(), a, text}
}

func newDemoWorld(ctx context.Context, dir string, log io.Writer) (*demoWorld, error) {
	pace := clock.NewPace(demoLead, nil)
	w := &demoWorld{
		pace: pace, clock: clock.New(pace.Now().UTC(), demoRate, pace.Now), failed: make(chan error, 1), stories: make(chan story, 100),
	}
	w.actors = cast(w.clock.Now())
	w.sim = stripesim.New(stripesim.Options{Now: w.clock.Now})
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.simURL = "http://" + l.Addr().String()
	w.simHTTP = &http.Server{Handler: w.sim, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = w.simHTTP.Serve(l) }()
	w.browser = &stripesim.Browser{BaseURL: w.simURL}
	if w.mails, err = newMailbox(ctx); err != nil {
		return nil, err
	}
	if err := w.startApp(ctx, dir, log); err != nil {
		return nil, err
	}
	w.sim.AddWebhook(stripesim.WebhookEndpoint{URL: "http://" + w.app.Addr() + "/webhooks/stripe", Secret: demoWebhookSecret})
	return w, nil
}

// startApp runs Tranche like `tranche serve`, with the settings of the demo and none from the
// environment.
func (w *demoWorld) startApp(ctx context.Context, dir string, log io.Writer) error {
	settings := map[string]string{
		"STRIPE_SECRET_KEY": demoSecretKey, "STRIPE_WEBHOOK_SECRET": demoWebhookSecret, "STRIPE_API_BASE": w.simURL,
		"STRIPE_READ_RATE": demoStripeRate, "STRIPE_WRITE_RATE": demoStripeRate,
		"DATABASE_URL": "sqlite:" + filepath.Join(dir, "tranche.db"), "TRANCHE_ADDR": "127.0.0.1:0", "TRANCHE_ADMIN_ADDR": config.Off, "TRANCHE_API_KEY": demoAPIKey,
		"TRANCHE_TICK": "25ms", "SMTP_URL": "smtp://" + w.mails.addr + "?tls=none",
		"TRANCHE_MAIL_FROM": demoMerchant + " <billing@shop.example>", "TRANCHE_MERCHANT_NAME": demoMerchant,
		"TRANCHE_CHECKOUT_DAYS": "0", // one customer never pays, on purpose
		"TRANCHE_RETURN_URL":    demoReturnURL, "TRANCHE_LOG_LEVEL": "debug",
	}
	cfg, err := config.LoadFor(config.Sources{Flags: settings}, config.NeedsServe)
	if err != nil {
		return err
	}
	logger := zerolog.New(zerolog.SyncWriter(log)).With().Timestamp().Logger()
	queue.RedirectLogs(logger)
	a, err := app.NewAt(ctx, cfg, w.clock, logger)
	if err != nil {
		return err
	}
	w.app = a
	return a.Start(ctx)
}

func (w *demoWorld) stop() {
	if w.app != nil {
		w.app.Stop()
	}
	w.sim.Close()
	_ = w.simHTTP.Close()
	w.mails.close()
}

// play opens the shop and waits until every story is finished.
func (w *demoWorld) play(ctx context.Context, t *timeline) error {
	ctx, cancel := context.WithCancel(ctx)
	defer func() { cancel(); w.acting.Wait() }()
	w.acting.Go(func() { w.readMail(ctx) })
	for _, a := range w.actors {
		w.acting.Go(func() {
			if err := w.checkOut(ctx, a); err != nil && ctx.Err() == nil {
				w.fail(fmt.Errorf("%s's checkout: %w", a.name, err))
			}
		})
	}
	look := time.NewTicker(40 * time.Millisecond)
	defer look.Stop()
	for {
		w.pace.Beat()
		if err := t.catchUp(ctx); err != nil {
			return err
		}
		settled, err := w.settled(ctx)
		if err != nil || settled {
			return errors.Join(err, t.catchUp(ctx))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-w.failed:
			return err
		case <-look.C:
		}
	}
}

// fail ends the play; the first reason counts.
func (w *demoWorld) fail(err error) {
	select {
	case w.failed <- err:
	default:
	}
}

// settled reports whether every plan has reached the end of its story and nothing is in flight.
func (w *demoWorld) settled(ctx context.Context) (bool, error) {
	s := w.app.Store()
	for _, a := range w.actors {
		plan, err := s.PlanByReference(ctx, a.terms.Reference)
		if errors.Is(err, billing.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if !a.givesUp && plan.Status != billing.PlanCompleted {
			return false, nil
		}
		if done, err := w.leftInShop(ctx, a, plan); err != nil || !done {
			return false, err
		}
	}
	events, err := s.Events(ctx, billing.EventFilter{Status: billing.EventPending, Limit: 1})
	if err != nil || len(events) > 0 {
		return false, err
	}
	notices, err := s.Notices(ctx, billing.NoticeFilter{Status: billing.NoticePending, Limit: 1})
	if err != nil || len(notices) > 0 {
		return false, err
	}
	return true, w.sim.Drain(ctx)
}

// leftInShop reports whether a customer who abandons the checkout has got the decline that causes
// it.
func (w *demoWorld) leftInShop(ctx context.Context, a *actor, plan billing.Plan) (bool, error) {
	if !a.givesUp {
		return true, nil
	}
	charges, err := w.app.Store().PlanCharges(ctx, plan.ID)
	return err == nil && charges[0].DeclineCode != "", err
}

// actorOf returns the actor with a mail address.
func (w *demoWorld) actorOf(address string) *actor {
	for _, a := range w.actors {
		if strings.EqualFold(a.terms.Customer.Email, address) {
			return a
		}
	}
	return nil
}
