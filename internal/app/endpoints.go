package app

import (
	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/notify/webhook"
	"tranche/internal/operator"
)

// openSender makes the sender that posts messages to the merchant's endpoints.
func (s *services) openSender() (*webhook.Sender, error) {
	keys, err := webhook.NewKeyring(s.cfg.SecretKeys...)
	if err != nil {
		return nil, err
	}
	sender := webhook.NewSender(webhook.Config{Keys: keys, AllowPrivate: s.cfg.WebhookAllowPrivate, Clock: s.clock})
	s.opened.add("sender of webhooks", quietly(sender.Close))
	return sender, nil
}

// NewEndpoints returns the manager of endpoints, for the API and for commands.
func NewEndpoints(cfg config.Config, s billing.WebhookStore, clk clock.Clock) (*operator.Endpoints, error) {
	keys, err := webhook.NewKeyring(cfg.SecretKeys...)
	if err != nil {
		return nil, err
	}
	return &operator.Endpoints{
		Store: s, Clock: clk, NewSecret: webhook.NewSecret, Keys: keys,
		CheckURL: func(raw string) error { return webhook.CheckURL(raw, cfg.WebhookAllowPrivate) },
	}, nil
}
