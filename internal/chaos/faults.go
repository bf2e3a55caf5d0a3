package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// injury is a fault that was injected, and how long the system took to recover.
type injury struct {
	Kind      string
	What      string
	Began     time.Time
	Ended     time.Time     // when the process was back or the rule was gone; zero until then
	Recovered time.Duration // from Ended until every process is ready and another payment was recorded
	Over      bool          // Recovered is known
}

// breaker injects the faults of a plan and measures the recoveries.
type breaker struct {
	world *world

	rulesMu sync.Mutex
	rules   []rule

	mu       sync.Mutex
	injuries []*injury
	skipped  int
}

// run injects every fault at its time and returns when the last has ended.
func (b *breaker) run(ctx context.Context, steps []step) {
	began := wall()
	var busy sync.WaitGroup
	for _, s := range steps {
		if !pause(ctx, s.At-wall().Sub(began)) {
			break
		}
		busy.Go(func() { b.make(ctx, s) })
	}
	busy.Wait()
}

// make injects one fault and records it, unless the fault was not possible.
func (b *breaker) make(ctx context.Context, s step) {
	kind := s.Kind
	if kind == stripeFault {
		kind = s.Rule.Action
	}
	hurt := &injury{Kind: kind, What: s.String(), Began: wall()}
	if err := b.act(ctx, s); err != nil {
		b.world.note("fault left out: %s: %v", s, err)
		b.mu.Lock()
		b.skipped++
		b.mu.Unlock()
		return
	}
	hurt.Ended = wall()
	b.world.note("fault ended after %s: %s", hurt.Ended.Sub(hurt.Began).Round(time.Millisecond), s)
	b.mu.Lock()
	b.injuries = append(b.injuries, hurt)
	b.mu.Unlock()
}

// act carries out a step and returns when the fault has ended.
func (b *breaker) act(ctx context.Context, s step) error {
	w := b.world
	switch s.Kind {
	case killWorker:
		return b.bringDown(ctx, w.workers[s.Target], syscall.SIGKILL, s.For)
	case killScheduler:
		return b.bringDown(ctx, w.schedulers[s.Target], syscall.SIGKILL, s.For)
	case killIngress:
		return b.bringDown(ctx, w.ingresses[s.Target], syscall.SIGKILL, s.For)
	case killRedis:
		return b.bringDown(ctx, w.redis, syscall.SIGKILL, s.For)
	case postgresFast:
		return b.bringDown(ctx, w.postgres, syscall.SIGINT, s.For)
	case postgresImmediate:
		return b.bringDown(ctx, w.postgres, syscall.SIGQUIT, s.For)
	case stopWorker:
		return b.freeze(ctx, w.workers[s.Target], s.For)
	case flushQueue:
		return redisDo(ctx, w.redisPort, "FLUSHALL")
	case stripeFault:
		return b.disturb(ctx, s.Rule, s.For)
	}
	return b.mislead(ctx, s)
}

// mislead injects a fault that ends no process: the process continues with a wrong clock, key or
// database, or without mail.
func (b *breaker) mislead(ctx context.Context, s step) error {
	w := b.world
	switch s.Kind {
	case restoreDatabase:
		return b.restore(ctx, s.For)
	case mailAway:
		return w.mail.away(ctx, s.For)
	case stepClock:
		return b.stepClock(ctx, pickService(s, w.workers, w.schedulers), s.Off, s.For)
	case foreignKey:
		return b.useForeignKey(ctx, pickService(s, w.workers, w.schedulers), s.For)
	}
	return fmt.Errorf("unknown fault %q", s.Kind)
}

// pickService chooses one of two roles by the length of the fault, and the process by the target.
func pickService(s step, either, or []*service) *service {
	if s.For.Milliseconds()%2 == 0 {
		either = or
	}
	return either[s.Target]
}

// bringDown ends a process, keeps it down, and waits until it was started again.
func (b *breaker) bringDown(ctx context.Context, s *service, sig os.Signal, down time.Duration) error {
	if !s.take() {
		return fmt.Errorf("%s already has a fault", s.name)
	}
	defer s.release()
	before := s.started()
	if err := s.end(sig, down); err != nil {
		return err
	}
	return eventually(ctx, down+time.Minute, 20*time.Millisecond, func(context.Context) error {
		if s.started() == before {
			return fmt.Errorf("%s was not started again", s.name)
		}
		return nil
	})
}

// freeze stops a process in the middle of its work for longer than its leases, then continues it.
func (b *breaker) freeze(ctx context.Context, s *service, still time.Duration) error {
	if !s.take() {
		return fmt.Errorf("%s already has a fault", s.name)
	}
	defer s.release()
	if err := s.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	pause(ctx, still)
	return s.signal(syscall.SIGCONT)
}

// disturb applies a rule of the simulator for a while.
func (b *breaker) disturb(ctx context.Context, r rule, within time.Duration) error {
	if err := b.change(ctx, func() { b.rules = append(b.rules, r) }); err != nil {
		return err
	}
	pause(ctx, within)
	return b.change(context.WithoutCancel(ctx), func() {
		i := slices.Index(b.rules, r)
		b.rules = slices.Delete(b.rules, i, i+1)
	})
}

// change changes the rules here and at the simulator.
func (b *breaker) change(ctx context.Context, how func()) error {
	b.rulesMu.Lock()
	defer b.rulesMu.Unlock()
	how()
	return b.world.stripe.setRules(ctx, b.rules)
}

// watch measures recoveries until ctx ends.
func (b *breaker) watch(ctx context.Context) {
	for pause(ctx, 100*time.Millisecond) {
		open := b.open()
		if len(open) == 0 || b.world.ready(ctx) != nil {
			continue
		}
		_, _, receipt := b.world.shop.sold()
		now := wall()
		b.mu.Lock()
		for _, hurt := range open {
			if receipt.After(hurt.Ended) {
				hurt.Recovered, hurt.Over = now.Sub(hurt.Ended), true
			}
		}
		b.mu.Unlock()
	}
}

func (b *breaker) open() []*injury {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []*injury
	for _, hurt := range b.injuries {
		if !hurt.Over {
			list = append(list, hurt)
		}
	}
	return list
}

// all returns a copy of the recorded faults.
func (b *breaker) all() []injury {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]injury, len(b.injuries))
	for i, hurt := range b.injuries {
		list[i] = *hurt
	}
	return list
}
