package app

import (
	"context"

	"tranche/internal/alarm"
	"tranche/internal/clockguard"
)

// openClockGuard makes the guard that compares this process's clock with the database's and
// Stripe's.
func (a *App) openClockGuard() {
	c := clockguard.Config{
		Clock: a.clock, Log: a.log,
		Stripe: func(ctx context.Context) error { _, err := a.gateway.Account(ctx); return err },
	}
	if a.store.HasClock() {
		c.Database = a.store.ServerTime
	}
	a.times = clockguard.New(c)
}

// clockAlarm is raised by this process while its own clock is wrong.
func (a *App) clockAlarm(context.Context) *alarm.Alarm {
	err := a.times.Wrong()
	if err == nil {
		return nil
	}
	raised := alarm.WrongClock()
	raised.Count, raised.Reason = 1, err.Error()
	return &raised
}
