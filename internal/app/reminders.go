package app

import (
	"context"
	"time"

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

// reminders returns the periodic jobs that find which customers need advance notice, and which
// cards, customers and plans need a change.
func (p *periodicJobs) reminders() []scheduler.PeriodicJob {
	find := outbox.Reminders{Store: p.store, Queue: p.queue}
	return []scheduler.PeriodicJob{
		p.finding("checkout_reminder", upcomingEvery, "customers to remind of checkouts that are not completed",
			func(ctx context.Context, now time.Time) (int, error) {
				if !p.cfg.CheckoutReminder {
					return 0, nil
				}
				return find.Checkouts(ctx, now, p.cfg.CheckoutDays)
			}),
		p.finding("upcoming", upcomingEvery, "customers to notify of upcoming charges",
			func(ctx context.Context, now time.Time) (int, error) {
				return find.Upcoming(ctx, now, p.cfg.UpcomingDays)
			}),
		p.finding("checkout_expiry", upcomingEvery, "plans canceled whose checkout was not completed",
			operator.CheckoutExpirer{Store: p.store, Gateway: p.gateway, Days: p.cfg.CheckoutDays}.Run),
		p.finding("card_detach", detachEvery, "cards detached at Stripe", cards.Detacher{Store: p.store, Gateway: p.gateway}.Run),
		p.finding("customer_update", detachEvery, "customers updated at Stripe", cards.CustomerUpdater{Store: p.store, Gateway: p.gateway}.Run),
		p.finding("card_expiry", expiringEvery, "customers to notify of expiring cards", find.Expiring),
	}
}

// finding returns a periodic job that logs how many rows run found, if any.
func (p *periodicJobs) finding(name string, every time.Duration, what string, run func(ctx context.Context, now time.Time) (int, error)) scheduler.PeriodicJob {
	return scheduler.PeriodicJob{Name: name, Every: every, Pause: reminderPause, Permit: p.permits.act,
		Run: func(ctx context.Context, _ time.Time) (time.Time, error) {
			now := p.clock.Now()
			found, err := run(ctx, now)
			if found > 0 {
				p.log.Info().Int("found", found).Msg(what)
			}
			return now, err
		}}
}
