// Package testbench is the bench that tests of plans and charges share: a worker and a planner on a
// real store, a simulated Stripe, and a clock that the test sets. It has no queue: the rows that
// the scheduler would claim are run directly. Only tests import it.
package testbench

import (
	"context"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/notify"
	"tranche/internal/operator"
	"tranche/internal/planning"
	"tranche/internal/stripegw"
	"tranche/internal/stripesim"
	"tranche/jobs"
)

// Lease is how long a claimed row is left to the worker.
const Lease = time.Minute

var (
	// Start is the time at which a bench begins.
	Start = time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)
	// Morning is the customer's time of day at which charges fall due.
	Morning = calendar.LocalTime{Hour: 9}
)

// Config holds what differs between test benches. The zero values of all fields but Store are ready
// to use.
type Config struct {
	Store billing.Store
	// Account is the connected account that plans are in; empty for the platform's own.
	Account string
	// RealTime makes time pass by itself.
	RealTime bool
	// Bubble is set in a synctest bubble: its time passes by itself, and requests are answered in
	// the caller's goroutine, without a network.
	Bubble bool
	// OnRequest is called with each request to Stripe before it is answered. It needs Bubble.
	OnRequest OnRequest
	// Seed makes the simulator's random numbers repeatable.
	Seed uint64
	// Silent drops the log of the worker. Without it, the log is the test's.
	Silent bool
}

// Bench is a worker and a planner with a real store and a simulated Stripe.
type Bench struct {
	*Clock
	Store    billing.Store
	Platform *stripesim.Server // the key's own account
	Sim      *stripesim.Server // the account that plans are in
	Gateway  *Gateway
	Browser  *stripesim.Browser
	Mails    *Mailbox
	Planner  *planning.Planner
	Worker   *jobs.Worker
	Sender   billing.WebhookSender // sends messages to endpoints; nil in tests without endpoints
	Account  string                // the connected account that plans are in; empty for the platform's own
	Arrivals string                // the URL that webhooks are posted to

	t        testing.TB
	silent   bool
	bubble   bool
	changes  []func(c *jobs.Config) // of the worker's configuration
	received inbox
}

// New returns a bench. It ends with the test.
func New(t testing.TB, c Config) *Bench {
	t.Helper()
	b := &Bench{
		Clock: &Clock{now: Start, real: c.RealTime || c.Bubble}, Store: c.Store, Mails: &Mailbox{}, Account: c.Account, t: t, silent: c.Silent, bubble: c.Bubble,
	}
	wires := b.connect(c)
	gateway, err := stripegw.New(stripegw.Config{
		SecretKey: "sk_test_bench", APIBase: wires.stripe, HTTPTimeout: 5 * time.Second, Transport: wires.transport,
	})
	require.NoError(t, err)
	b.Gateway = &Gateway{Gateway: gateway}
	b.Planner = planning.New(b.PlannerConfig())
	b.Worker = b.NewWorker()
	return b
}

// PlannerConfig returns the configuration of the bench's planner.
func (b *Bench) PlannerConfig() planning.Config {
	return planning.Config{Store: b.Store, Gateway: b.Gateway, Now: b.Now, Rules: Rules()}
}

// NewWorker returns another worker, as the bench has it at first.
func (b *Bench) NewWorker() *jobs.Worker { return jobs.New(b.plain()) }

// With changes the configuration of the bench's worker.
func (b *Bench) With(change func(c *jobs.Config)) {
	b.changes = append(b.changes, change)
	b.Worker = jobs.New(b.WorkerConfig())
}

// WorkerConfig returns the configuration of the bench's worker, with all changes.
func (b *Bench) WorkerConfig() jobs.Config {
	c := b.plain()
	for _, change := range b.changes {
		change(&c)
	}
	return c
}

func (b *Bench) plain() jobs.Config {
	log := zerolog.Nop()
	if !b.silent {
		log = zerolog.New(zerolog.NewTestWriter(b.t))
	}
	return jobs.Config{
		Store: b.Store, Gateway: b.Gateway, Queue: Nowhere{}, Mailer: b.Mails, Planner: b.Planner, Rules: Rules(), Webhooks: b.Webhooks(), Sender: b.Sender,
		Policies: dunning.DefaultPolicies(Morning), Merchant: Merchant(), MessageDomain: "shop.example",
		Clock: clock.New(time.Time{}, 0, b.Now).WithMonotonic(b.Monotonic), Lease: Lease, Log: log,
	}
}

// Operator makes changes at the bench's time, without rules.
func (b *Bench) Operator() *operator.Operator {
	return operator.New(b.Store, b.Now, billing.Rules{})
}

// Rules returns the settings of the bench for all plans.
func Rules() billing.Rules { return billing.Rules{ChargeTime: Morning} }

// Merchant returns the shop that customers' mails come from.
func Merchant() notify.Merchant { return notify.Merchant{Name: "Example Shop"} }

// Webhooks returns the store of endpoints and deliveries; nil if the store has none.
func (b *Bench) Webhooks() billing.WebhookStore {
	s, _ := b.Store.(billing.WebhookStore)
	return s
}

// AsMerchant returns the context of a call with the merchant's API key.
func (b *Bench) AsMerchant() context.Context {
	return billing.ActingAs(b.t.Context(), billing.Party{Actor: "key:bench"})
}

// OnAccount returns a context that calls Stripe for the account that plans are in.
func (b *Bench) OnAccount() context.Context { return billing.OnAccount(b.t.Context(), b.Account) }
