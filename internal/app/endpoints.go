package app

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"tranche/config"
	"tranche/internal/alarm"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/notify/webhook"
	"tranche/internal/operator"
)

// openSender makes the sender that posts messages to the merchant's endpoints.
func (a *App) openSender() error {
	keys, err := webhook.NewKeyring(a.cfg.SecretKeys...)
	if err != nil {
		return err
	}
	a.sender = webhook.NewSender(webhook.Config{Keys: keys, AllowPrivate: a.cfg.WebhookAllowPrivate, Clock: a.clock})
	a.opened.add("sender of webhooks", quietly(a.sender.Close))
	return nil
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

// unsignedAlarm is raised by a worker that cannot sign the messages to an endpoint.
func (a *App) unsignedAlarm(ctx context.Context) *alarm.Alarm {
	if !a.cfg.Has(config.RoleWorker) {
		return nil
	}
	endpoints, err := NewEndpoints(a.cfg, a.store, a.clock)
	if err != nil {
		return nil // no sender could be made either: the process did not start
	}
	sealed, err := endpoints.Sealed(ctx)
	if err != nil || len(sealed.Silent) == 0 {
		return nil // a database that is down has an alarm of its own
	}
	raised := alarm.EndpointsUnsigned()
	raised.Count = len(sealed.Silent)
	for _, e := range sealed.Silent {
		raised.IDs = append(raised.IDs, string(e.ID))
	}
	return &raised
}

const (
	// keepMessages is how long messages can be replayed.
	keepMessages = 30 * 24 * time.Hour
	pruneEvery   = 24 * time.Hour
	prunePause   = 10 * time.Second
)

// pruneMessages removes messages that are too old to be replayed.
func (a *App) pruneMessages(log zerolog.Logger) run {
	return func(ctx context.Context, cursor time.Time) (time.Time, error) {
		began, total := a.clock.Now(), 0
		for {
			n, err := a.store.PruneMessages(ctx, began.Add(-keepMessages))
			if total += n; err != nil {
				return cursor, err
			}
			if n == 0 {
				break
			}
		}
		if total > 0 {
			log.Info().Int("messages", total).Msg("old messages to endpoints removed")
		}
		return began, nil
	}
}

// pendingDeliveries counts the messages that endpoints have not accepted. It caches the count,
// because the metrics page needs no key and may be read at any rate.
func (a *App) pendingDeliveries() func(ctx context.Context) (int, error) {
	var mu sync.Mutex
	var last time.Time
	var n int
	return func(ctx context.Context) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		if now := a.clock.Wall(); last.IsZero() || now.Sub(last) >= alarm.MinAge {
			fresh, err := a.store.PendingDeliveries(ctx)
			if err != nil {
				return 0, err
			}
			n, last = fresh, now
		}
		return n, nil
	}
}
