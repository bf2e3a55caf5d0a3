package app

import (
	"time"

	"github.com/rs/zerolog"

	"tranche/config"
	"tranche/internal/clock"
	"tranche/internal/metrics"
	"tranche/internal/queue"
	"tranche/internal/stripegw"
)

// openGateway makes the way to Stripe: within its limits, and closed while it does not answer.
func (a *App) openGateway() (err error) {
	reads, writes := a.cfg.StripeRates()
	if a.limiter, err = queue.NewLimiter(queue.LimiterConfig{
		Redis: a.redis, Reads: reads, Writes: writes, Wall: a.clock.Wall, Log: a.log,
		// A stop waits for a call that got its turn last.
		Patience: min(a.cfg.ShutdownTimeout-a.cfg.StripeTimeout, queue.DefaultPatience),
	}); err != nil {
		return err
	}
	a.breaker = stripegw.NewBreaker(stripegw.BreakerConfig{Changed: a.breakerChanged})
	a.gateway, err = stripegw.New(stripegw.Config{
		SecretKey: a.cfg.StripeSecretKey, APIBase: a.cfg.StripeAPIBase, HTTPTimeout: a.cfg.StripeTimeout,
		Limiter: a.limiter, Breaker: a.breaker, Observe: a.metrics.Call,
	})
	return err
}

// breakerChanged logs whether calls to Stripe are made.
func (a *App) breakerChanged(to stripegw.BreakerState, wait time.Duration) {
	switch to {
	case stripegw.BreakerOpen:
		a.log.Error().Dur("wait_ms", wait).Msg("Stripe is not answering: charges wait, and no attempt is spent")
	case stripegw.BreakerHalfOpen:
		a.log.Info().Msg("one call goes to Stripe, to see whether it answers again")
	case stripegw.BreakerClosed:
		a.log.Info().Msg("Stripe answers again: charges go on")
	}
}

// OpenGateway makes the way to Stripe for a command that makes many calls: within the limits that it has in common with the
// processes that serve, where these share a Redis. Call the function when it is done.
func OpenGateway(cfg config.Config, clk clock.Clock, log zerolog.Logger) (*stripegw.Gateway, func(), error) {
	a := &App{cfg: cfg, clock: clk, log: log, metrics: metrics.New()}
	err := a.openRedis()
	if err == nil {
		err = a.openGateway()
	}
	if err != nil {
		a.close()
		return nil, nil, err
	}
	return a.gateway, a.close, nil
}
