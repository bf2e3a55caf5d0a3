package app

import (
	"context"
	"errors"
	"fmt"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/forecast"
	"tranche/internal/store"
	"tranche/internal/store/open"
	"tranche/internal/store/sqlite"
)

// Forecaster makes forecasts from a database, with the settings of the real run.
func Forecaster(cfg config.Config, from billing.Reader) (handlers.Forecaster, error) {
	clk, err := clock.Parse(cfg.Clock)
	if err != nil {
		return nil, err
	}
	rules, err := Rules(cfg)
	if err != nil {
		return nil, err
	}
	policies, err := Policies(cfg)
	if err != nil {
		return nil, err
	}
	merchant, err := Merchant(cfg)
	if err != nil {
		return nil, err
	}
	return forecast.New(forecast.Config{
		Store: from, Policies: policies, Rules: rules, UpcomingDays: cfg.UpcomingDays, Merchant: merchant,
		Livemode: cfg.Live(), Clock: clk,
	}).Forecast, nil
}

// OpenToRead opens the database of a configuration for a command that changes nothing: it does not
// migrate the database, and if there is none, it uses an empty one in memory. Errors:
// billing.ErrUnavailable; a database of another version.
func OpenToRead(ctx context.Context, cfg config.Config) (*store.Store, error) {
	if open.Missing(cfg.DatabaseURL) {
		empty, err := sqlite.NewScratch(ctx)
		if err != nil {
			return nil, err
		}
		return empty.Store, nil
	}
	s, err := open.Store(ctx, cfg.DatabaseURL, open.Options{Connections: cfg.DatabaseConnections})
	if err != nil {
		return nil, err
	}
	current, wanted, err := s.Version(ctx)
	if err == nil {
		err = s.CheckVersion(ctx)
	}
	if err == nil && current != wanted {
		err = fmt.Errorf("it is at version %d and this program needs %d: run `tranche migrate` first", current, wanted)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}
