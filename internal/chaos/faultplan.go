package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// The kinds of fault that the harness injects. The simulator and the mail server name their own.
const (
	killWorker        = "kill_worker"
	killScheduler     = "kill_scheduler"
	killIngress       = "kill_ingress"
	stopWorker        = "stop_worker"
	flushQueue        = "redis_flushall"
	killRedis         = "redis_kill"
	postgresFast      = "postgres_fast"
	postgresImmediate = "postgres_immediate"
	restoreDatabase   = "postgres_restore"
	mailAway          = "mail_away"
	stepClock         = "clock_step"      // of one worker or scheduler
	foreignKey        = "foreign_account" // the key of one worker or scheduler
	stripeFault       = "stripe"          // with a rule for the simulator
)

// step is one fault: its kind, target, time and length.
type step struct {
	At     time.Duration // after the start
	Kind   string
	Target int           // index among the processes of a role
	For    time.Duration // how long the process is down or stopped, or the rule is in force
	Rule   rule          // of stripeFault
	Off    time.Duration // of stepClock: the error of the clock, in real time
}

// String formats a step for the log.
func (s step) String() string {
	name := s.Kind
	if s.Kind == stripeFault {
		name = fmt.Sprintf("%s p=%.2f %s", s.Rule.Action, s.Rule.Probability, s.Rule.Delay)
	}
	return fmt.Sprintf("%s target %d for %s", name, s.Target, s.For.Round(time.Millisecond))
}

// weighted is a kind of fault with its relative frequency.
type weighted struct {
	kind   string
	weight int
}

var kinds = []weighted{
	{killWorker, 6}, {killScheduler, 3}, {killIngress, 4}, {stopWorker, 4}, {flushQueue, 3}, {killRedis, 2},
	{postgresFast, 1}, {postgresImmediate, 1}, {restoreDatabase, 1}, {mailAway, 2}, {stepClock, 3}, {foreignKey, 2}, {stripeFault, 10},
}

// requestFaults maps the simulator's faults on requests to their highest probability while in
// force.
var requestFaults = map[string]float64{
	"answer_lost": 0.4, "server_error_executed": 0.3, "server_error": 0.3, "rate_limit": 0.6, "lock_timeout": 0.4, "conflict": 0.3,
	"half_body": 0.3, "connection_reset": 0.4, "latency": 0.8,
}

// actions lists the simulator's faults in a fixed order.
func actions(dropped bool) []string {
	list := []string{
		"answer_lost", "server_error_executed", "server_error", "rate_limit", "lock_timeout", "conflict", "half_body",
		"connection_reset", "latency", "latency", "webhook_duplicate", "webhook_shuffle", "webhook_delay",
	}
	if dropped {
		list = append(list, "webhook_drop")
	}
	return list
}

// planFaults draws the faults of a run. Webhooks are dropped only if missed events can be fetched.
// pace is the simulated days per second; it limits how long webhooks are delayed. only restricts
// the kinds of fault, the harness's own and the simulator's.
func planFaults(seed uint64, faultPhase time.Duration, pace float64, dropped bool, only ...string) []step {
	r := stream(seed, "faults")
	var steps []step
	for at := between(r, time.Second, 3*time.Second); at < faultPhase; at += between(r, 500*time.Millisecond, 3500*time.Millisecond) {
		s := step{At: at, Kind: drawKind(r), Target: r.IntN(2)}
		allowed := actions(dropped)
		if len(only) > 0 {
			s.Kind, allowed = drawOnly(r, only)
		}
		s.For = between(r, 100*time.Millisecond, 4*time.Second)
		switch s.Kind {
		case restoreDatabase, mailAway: // for days of plans
			s.For = between(r, 2*time.Second, longestDelay)
		case foreignKey:
			s.For = between(r, 2*time.Second, 8*time.Second)
		case stepClock:
			s.For, s.Off = between(r, time.Second, 8*time.Second), between(r, 90*time.Second, 2*time.Hour)*time.Duration(1-2*r.IntN(2))
		case stopWorker:
			s.For = lease + between(r, 500*time.Millisecond, 4*time.Second)
		case stripeFault:
			s.For = between(r, 2*time.Second, 8*time.Second)
			s.Rule = drawRule(r, pace, allowed)
		}
		steps = append(steps, s)
	}
	return steps
}

func drawKind(r *rand.Rand) string {
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := r.IntN(total)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k.kind
		}
	}
	return killWorker
}

// drawOnly draws one of the requested kinds: a fault of the harness, or a fault of the simulator by
// its name.
func drawOnly(r *rand.Rand, only []string) (kind string, action []string) {
	name := pick(r, only...)
	for _, k := range kinds {
		if k.kind == name {
			return name, nil
		}
	}
	return stripeFault, []string{name}
}

// longestDelay keeps webhooks from arriving after the run.
const longestDelay = 12 * time.Second

func drawRule(r *rand.Rand, pace float64, allowed []string) rule {
	drawn := rule{Action: pick(r, allowed...)}
	likely, ok := requestFaults[drawn.Action]
	if !ok {
		likely = 0.6 // of webhooks
	}
	drawn.Probability = likely/4 + r.Float64()*likely*3/4
	switch drawn.Action {
	case "answer_lost", "half_body", "server_error_executed":
		// The request is carried out and its answer is lost: the hardest fault to handle. Half of these
		// faults hit the requests that take money.
		if r.IntN(2) == 0 {
			drawn.Method, drawn.Path = "POST", pick(r, "/v1/payment_intents", "/v1/payment_intents/*/confirm")
			drawn.Probability = 0.4 + r.Float64()*0.4
		}
	case "latency": // mostly a slow answer, which exposes kills during a call; sometimes an answer after the timeout
		drawn.Delay = between(r, 50*time.Millisecond, pick(r, stripeTimeout/4, stripeTimeout/4, stripeTimeout*3/2)).String()
	case "webhook_shuffle":
		drawn.Delay = between(r, 500*time.Millisecond, 5*time.Second).String()
	case "webhook_delay":
		days := 1 + r.Float64()*3
		drawn.Delay = min(time.Duration(days/pace*float64(time.Second)), longestDelay).Round(time.Millisecond).String()
	}
	return drawn
}
