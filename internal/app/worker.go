package app

import (
	"os"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/queue"
	"tranche/jobs"
)

// newWorkers makes the worker role, with the mail server and the sender of webhooks.
func newWorkers(p *parts) (*queue.Server, error) {
	mailer, err := p.openMailer()
	if err != nil {
		return nil, err
	}
	sender, err := p.openSender()
	if err != nil {
		return nil, err
	}
	log := p.roleLog(config.RoleWorker)
	worker := jobs.New(jobs.Config{
		Store: p.store, Gateway: p.gateway, Queue: p.queue, Mailer: mailer, Planner: p.planner, Rules: p.rules, Policies: p.policies, Livemode: p.gateway.Livemode(),
		Permits: p.permits.ofTasks(), Acquire: p.gateway.Acquire, Doubt: p.gate.Doubt, Note: p.gate.Note, Recorded: p.metrics.Attempt,
		Tries: billing.CardTryLimits{Max: p.cfg.CardTries}, CustomerDeclined: p.metrics.CustomerDecline,
		Webhooks: p.store, Sender: sender, Tried: p.metrics.Delivery,
		Merchant: p.merchant, MessageDomain: MessageDomain(p.cfg), OpenLink: p.links.Open, Host: host(),
		Clock: p.clock, Lease: p.cfg.Lease, Log: log,
	})
	return queue.NewServer(queue.ServerConfig{
		Redis: p.redis, ChargeConcurrency: p.cfg.ChargeConcurrency, ShortConcurrency: p.cfg.EventConcurrency,
		WebhookConcurrency: p.cfg.WebhookConcurrency,
		ShutdownTimeout:    p.cfg.ShutdownTimeout, Log: log,
	}, worker.Handler())
}

// host returns the name of this machine for the audit trail; "" if it has none.
func host() string {
	name, _ := os.Hostname() // the role alone is still an actor
	return name
}
