package app

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/cards"
	"tranche/internal/operator"
	"tranche/internal/outbox"
	"tranche/scheduler"
)

const (
	upcomingEvery = 15 * time.Minute
	expiringEvery = 6 * time.Hour
	detachEvery   = time.Minute
	// reminderPause limits how often a fast clock queries the database.
	reminderPause = time.Second
)

// reminders returns the periodic jobs that find which customers need advance notice.
func (a *App) reminders(log zerolog.Logger) []scheduler.PeriodicJob {
	find := outbox.Reminders{Store: a.store, Queue: a.queue}
	periodicJob := func(what string, run func(ctx context.Context, now time.Time) (int, error)) run {
		return func(ctx context.Context, _ time.Time) (time.Time, error) {
			now := a.clock.Now()
			found, err := run(ctx, now)
			if found > 0 {
				log.Info().Int("found", found).Msg(what)
			}
			return now, err
		}
	}
	return []scheduler.PeriodicJob{
		{Name: "checkout_reminder", Every: upcomingEvery, Pause: reminderPause, Permit: a.mayAct, Run: periodicJob("customers to remind of checkouts that are not completed",
			func(ctx context.Context, now time.Time) (int, error) {
				if !a.cfg.CheckoutReminder {
					return 0, nil
				}
				return find.Checkouts(ctx, now, a.cfg.CheckoutDays)
			})},
		{Name: "upcoming", Every: upcomingEvery, Pause: reminderPause, Permit: a.mayAct, Run: periodicJob("customers to notify of upcoming charges",
			func(ctx context.Context, now time.Time) (int, error) {
				return find.Upcoming(ctx, now, a.cfg.UpcomingDays)
			})},
		{Name: "checkout_expiry", Every: upcomingEvery, Pause: reminderPause, Permit: a.mayAct, Run: periodicJob("plans canceled whose checkout was not completed",
			func(ctx context.Context, now time.Time) (int, error) {
				return operator.CheckoutExpirer{Store: a.store, Gateway: a.gateway, Days: a.cfg.CheckoutDays}.Run(ctx, now)
			})},
		{Name: "card_detach", Every: detachEvery, Pause: reminderPause, Permit: a.mayAct, Run: periodicJob("cards detached at Stripe", cards.Detacher{Store: a.store, Gateway: a.gateway}.Run)},
		{Name: "customer_update", Every: detachEvery, Pause: reminderPause, Permit: a.mayAct, Run: periodicJob("customers updated at Stripe", cards.CustomerUpdater{Store: a.store, Gateway: a.gateway}.Run)},
		{Name: "card_expiry", Every: expiringEvery, Pause: reminderPause, Permit: a.mayAct, Run: periodicJob("customers to notify of expiring cards", find.Expiring)},
	}
}
