package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/clock"
	"tranche/internal/stripekey"
	"tranche/internal/stripesim"
)

// simOptions are the flags of stripe-sim.
type simOptions struct {
	addr, clock string
	webhooks    []string
	restricted  []string
	secret      string
	account     string
	seed        uint64
	card3178    bool
}

func (c *cli) simCommand() *cobra.Command {
	var o simOptions
	cmd := &cobra.Command{
		Use:   "stripe-sim",
		Short: "Run a simulator of Stripe for development and tests",
		Long: `Run a Stripe in memory: PaymentIntents, cards, 3-D Secure, test cards, idempotency and signed webhooks, at API version
2023-10-16. Point STRIPE_API_BASE at it; any sk_test_ key is accepted. It moves no money and stores nothing on disk.

/_sim/state shows its objects, /_sim/faults injects faults, /_sim/authenticate plays the bank's page, and
/_sim/end_processing ends a payment that is processing.`,
		Example: `  tranche stripe-sim --webhook-url http://127.0.0.1:8080/webhooks/stripe --webhook-secret whsec_demo
  curl -u sk_test_demo: http://127.0.0.1:12111/v1/payment_intents -d amount=1099 -d currency=usd`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.runSim(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.addr, "addr", "127.0.0.1:12111", "listen on this `HOST:PORT`")
	f.StringArrayVar(&o.webhooks, "webhook-url", nil, "send events to this `URL`; repeat it for more")
	f.StringVar(&o.secret, "webhook-secret", "", "sign events with this `SECRET` (default: STRIPE_WEBHOOK_SECRET)")
	f.StringArrayVar(&o.restricted, "restricted-key", nil, "also accept this restricted `KEY`: KEY, or KEY=PERMISSION,… such as rk_test_1=payment_intents,charges:read; repeat it for more")
	f.StringVar(&o.account, "account", "", "simulate the account with this `ID`, acct_…")
	f.StringVar(&o.clock, "clock", "", "use the clock `EPOCH@RATE` (default: TRANCHE_CLOCK)")
	f.Uint64Var(&o.seed, "seed", 0, "seed ids and random choices with this `NUMBER`")
	f.BoolVar(&o.card3178, "decline-3178-at-once", false, "also decline the first payment of card 4000008260003178, as on Stripe's testing page")
	return cmd
}

func (c *cli) runSim(ctx context.Context, o simOptions) error {
	cfg, err := c.config(nil, config.Needs{})
	if err != nil {
		return err
	}
	if o.clock == "" {
		o.clock = cfg.Clock
	}
	if o.secret == "" && len(cfg.StripeWebhookSecrets) > 0 {
		o.secret = cfg.StripeWebhookSecrets[0]
	}
	clk, err := clock.Parse(o.clock)
	if err != nil {
		return usageError{err}
	}
	if _, _, err := net.SplitHostPort(o.addr); err != nil {
		return usageError{fmt.Errorf("--addr %q is not HOST:PORT", o.addr)}
	}
	if len(o.webhooks) > 0 && o.secret == "" {
		return usageError{errors.New("--webhook-url needs --webhook-secret, to sign events")}
	}
	log := c.logger(cfg)
	options := stripesim.Options{
		Now: clk.Now, Wall: clk.Wall, Log: log, Seed: o.seed, Card3178InitialFails: o.card3178, RestrictedKeys: restrictedKeys(o.restricted),
		Account: stripesim.Account{ID: o.account},
	}
	for _, url := range o.webhooks {
		options.Webhooks = append(options.Webhooks, stripesim.WebhookEndpoint{URL: url, Secret: o.secret})
	}
	sim := stripesim.New(options)
	defer sim.Close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", o.addr, err)
	}
	fmt.Fprintf(c.talk, "stripe-sim listens on http://%s (STRIPE_API_BASE)\n", listener.Addr())
	return serveUntilDone(ctx, listener, sim)
}

// restrictedKeys reads KEY=PERMISSION,… and KEY alone, which has the permissions that Tranche
// needs.
func restrictedKeys(flags []string) map[string][]string {
	keys := map[string][]string{}
	for _, flag := range flags {
		key, permissions, listed := strings.Cut(flag, "=")
		keys[key] = stripekey.Scopes()
		if listed {
			keys[key] = strings.Split(permissions, ",")
		}
	}
	return keys
}

// serveUntilDone serves until ctx ends, then waits for requests in flight.
func serveUntilDone(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return server.Shutdown(end)
	}
}
