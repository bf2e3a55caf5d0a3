package app

import (
	"context"

	"tranche/config"
	"tranche/internal/catchup"
	"tranche/internal/planning"
	"tranche/internal/queue"
	"tranche/internal/recovery"
)

// parts are what the roles of a process share: the services, the settings, and what is made of
// both.
type parts struct {
	*services
	settings
	links    *recovery.Links       // workers put them into mails, the ingress serves them
	requests *queue.RequestLimiter // against guesses of links and API keys; nil without the ingress role
	planner  *planning.Planner
	gate     *catchup.Gate // nil without the worker role
	permits  permits
}

func newParts(ctx context.Context, s *services, read settings) (*parts, error) {
	p := &parts{services: s, settings: read, links: NewLinks(s.cfg, s.store)}
	p.links.Now = s.clock.Now
	p.merchant.PayLink = p.links.URL
	var err error
	if s.cfg.Has(config.RoleIngress) {
		if p.requests, err = queue.NewRequestLimiter(s.redis, s.clock.Wall, s.log); err != nil {
			return nil, err
		}
		s.opened.add("request limiter", p.requests.Close)
	}
	p.planner = planning.New(planning.Config{
		Store: s.store, Gateway: s.gateway, Now: s.clock.Now, Rules: p.rules, Policies: p.policies.Names(), OwnAccount: s.guard.Confirms,
	})
	if s.cfg.Has(config.RoleWorker) {
		if p.gate, err = s.openGate(ctx); err != nil {
			return nil, err
		}
	}
	p.permits = permits{times: s.times, guard: s.guard, gate: p.gate}
	return p, nil
}
