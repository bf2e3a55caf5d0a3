package app

import (
	"tranche/config"
	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/forecast"
)

// Forecaster makes forecasts from a database, with the settings of the real run.
func Forecaster(cfg config.Config, from billing.Reader) (handlers.Forecaster, error) {
	clk, err := clock.Parse(cfg.Clock)
	if err != nil {
		return nil, err
	}
	read, err := readSettings(cfg)
	if err != nil {
		return nil, err
	}
	return forecast.New(forecast.Config{
		Store: from, Policies: read.policies, Rules: read.rules, UpcomingDays: cfg.UpcomingDays, Merchant: read.merchant,
		Livemode: cfg.Live(), Clock: clk,
	}).Forecast, nil
}
