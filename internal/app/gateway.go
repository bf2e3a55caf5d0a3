package app

import (
	"time"

	"github.com/rs/zerolog"

	"tranche/config"
	"tranche/internal/clock"
	"tranche/internal/metrics"
	"tranche/internal/stripegw"
	"tranche/internal/stripelimit"
)

// openGateway opens the gateway to Stripe, with the rate limiter and the circuit breaker.
func (a *App) openGateway() (err error) {
	reads, writes := a.cfg.StripeRates()
	if a.limiter, err = stripelimit.New(stripelimit.Config{
		Redis: a.redis, Reads: reads, Writes: writes, Wall: a.clock.Wall, Log: a.log,
		// A stopping process waits for calls in flight, and the last one may get its token only now.
		MaxWait: min(a.cfg.ShutdownTimeout-a.cfg.StripeTimeout, stripelimit.DefaultMaxWait),
	}); err != nil {
		return err
	}
	a.opened.add("limiter", a.limiter.Close)
	dated := func(time.Time, time.Duration) {}
	if a.times != nil { // a command has no clock guard
		dated = a.times.Answered
	}
	a.breaker = stripegw.NewBreaker(stripegw.BreakerConfig{Changed: a.breakerChanged})
	a.gateway, err = stripegw.New(stripegw.Config{
		SecretKey: a.cfg.StripeSecretKey, APIBase: a.cfg.StripeAPIBase, HTTPTimeout: a.cfg.StripeTimeout,
		Limiter: a.limiter, Breaker: a.breaker, Observe: a.metrics.Call, Dated: dated,
	})
	if err != nil {
		return err
	}
	a.opened.add("connections to Stripe", quietly(a.gateway.Close))
	return nil
}

// breakerChanged logs each change of the circuit breaker.
func (a *App) breakerChanged(to stripegw.BreakerState, wait time.Duration) {
	switch to {
	case stripegw.BreakerOpen:
		a.log.Error().Dur("wait_ms", wait).Msg("Stripe is not answering: charges wait, and no attempt is used up")
	case stripegw.BreakerHalfOpen:
		a.log.Info().Msg("checking with one call whether Stripe answers again")
	case stripegw.BreakerClosed:
		a.log.Info().Msg("Stripe answers again: charges continue")
	}
}

// OpenGateway opens the gateway to Stripe for a command that makes many calls. With an external
// Redis, it shares its rate limits with the serving processes. The caller calls the returned
// function to close it.
func OpenGateway(cfg config.Config, clk clock.Clock, log zerolog.Logger) (*stripegw.Gateway, func(), error) {
	a := &App{cfg: cfg, clock: clk, log: log, metrics: metrics.New()}
	err := a.openRedis()
	if err == nil {
		err = a.openGateway()
	}
	if err != nil {
		a.opened.closeAll(log)
		return nil, nil, err
	}
	return a.gateway, func() { a.opened.closeAll(log) }, nil
}
