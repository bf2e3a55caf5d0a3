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
func (s *services) openGateway() error {
	reads, writes := s.cfg.StripeRates()
	limiter, err := stripelimit.New(stripelimit.Config{
		Redis: s.redis, Reads: reads, Writes: writes, Wall: s.clock.Wall, Log: s.log,
		// A stopping process waits for calls in flight, and the last one may get its token only now.
		MaxWait: min(s.cfg.ShutdownTimeout-s.cfg.StripeTimeout, stripelimit.DefaultMaxWait),
	})
	if err != nil {
		return err
	}
	s.opened.add("limiter", limiter.Close)
	dated := func(time.Time, time.Duration) {}
	if s.times != nil { // a command has no clock guard
		dated = s.times.Answered
	}
	breaker := stripegw.NewBreaker(stripegw.BreakerConfig{Changed: logBreaker(s.log)})
	s.gateway, err = stripegw.New(stripegw.Config{
		SecretKey: s.cfg.StripeSecretKey, APIBase: s.cfg.StripeAPIBase, HTTPTimeout: s.cfg.StripeTimeout,
		Limiter: limiter, Breaker: breaker, Observe: s.metrics.Call, Dated: dated,
	})
	if err != nil {
		return err
	}
	s.opened.add("connections to Stripe", quietly(s.gateway.Close))
	return nil
}

// logBreaker returns a function that logs each change of the circuit breaker.
func logBreaker(log zerolog.Logger) func(to stripegw.BreakerState, wait time.Duration) {
	return func(to stripegw.BreakerState, wait time.Duration) {
		switch to {
		case stripegw.BreakerOpen:
			log.Error().Dur("wait_ms", wait).Msg("Stripe is not answering: charges wait, and no attempt is used up")
		case stripegw.BreakerHalfOpen:
			log.Info().Msg("checking with one call whether Stripe answers again")
		case stripegw.BreakerClosed:
			log.Info().Msg("Stripe answers again: charges continue")
		}
	}
}

// OpenGateway opens the gateway to Stripe for a command that makes many calls. With an external
// Redis, it shares its rate limits with the serving processes. The caller calls the returned
// function to close it.
func OpenGateway(cfg config.Config, clk clock.Clock, log zerolog.Logger) (*stripegw.Gateway, func(), error) {
	s := &services{cfg: cfg, clock: clk, log: log, metrics: metrics.New()}
	err := s.openRedis()
	if err == nil {
		err = s.openGateway()
	}
	if err != nil {
		s.opened.closeAll(log)
		return nil, nil, err
	}
	return s.gateway, func() { s.opened.closeAll(log) }, nil
}
