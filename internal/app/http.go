package app

import (
	"context"
	"fmt"
	"time"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/stripegw"
)

// signatureTolerance is how far a webhook's timestamp may be from our clock, in either direction:
// the value of Stripe's libraries.
const signatureTolerance = 5 * time.Minute

// newSurface makes the HTTP handlers. A process without the ingress role answers only health checks
// on its public address.
func newSurface(p *parts, w *watch) (*handlers.Server, error) {
	relay := newRelay(p.queue, p.log)
	p.opened.add("relay", quietly(relay.close))
	endpoints, err := NewEndpoints(p.cfg, p.store, p.clock)
	if err != nil {
		return nil, err
	}
	forecast, err := Forecaster(p.cfg, p.store)
	if err != nil {
		return nil, err
	}
	c := handlers.Config{
		Store: p.store, Planner: p.planner, Rules: p.rules, Parse: stripegw.ParseEvent,
		CheckHeader: func(header string, now time.Time) error { return stripegw.CheckHeader(header, signatureTolerance, now) },
		Verify: func(payload []byte, header string, now time.Time) error {
			return stripegw.VerifySignature(payload, header, p.cfg.StripeWebhookSecrets, signatureTolerance, now)
		},
		Received: relay.events, APIKeys: p.cfg.APIKeys, Clock: p.clock, Grace: p.cfg.Lease, Checks: w.checks(p.permits),
		Pay: p.payPage(), Alarms: w.alarms, Metrics: p.metrics.Handler(), Answered: p.metrics.Request, WrongKey: p.metrics.WrongKey,
		Endpoints:  endpoints,
		Forecaster: forecast,
		TakePart:   p.permits.write, TrustedProxies: p.cfg.ProxyPrefixes(),
		HealthOnly: !p.cfg.Has(config.RoleIngress), Log: p.roleLog(config.RoleIngress),
	}
	if p.requests != nil {
		c.Allow = p.requests.Allow
	}
	surface := handlers.New(c)
	p.opened.add("HTTP handlers", quietly(surface.Close))
	return surface, nil
}

// addresses are the addresses that a process serves.
type addresses struct {
	public *listening
	admin  *listening // nil if it is off
}

// openAddresses opens the public address, and the admin address unless it is off.
func (s *services) openAddresses(ctx context.Context, surface *handlers.Server) (at addresses, err error) {
	if at.public, err = listen(ctx, "TRANCHE_ADDR", s.cfg.Addr, surface, s.log); err != nil {
		return addresses{}, err
	}
	s.opened.add("public address", quietly(at.public.close))
	if s.cfg.AdminAddr == config.Off {
		return at, nil
	}
	if at.admin, err = listen(ctx, "TRANCHE_ADMIN_ADDR", s.cfg.AdminAddr, surface.Admin(), s.log); err != nil {
		return addresses{}, fmt.Errorf("%w: set TRANCHE_ADMIN_ADDR to another address, or to off", err)
	}
	s.opened.add("admin address", quietly(at.admin.close))
	return at, nil
}
