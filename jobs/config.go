package jobs

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/collect"
	"tranche/internal/dunning"
	"tranche/internal/notify"
	"tranche/internal/planning"
	"tranche/internal/planwork"
)

// Config holds the dependencies and settings of a Worker.
type Config struct {
	Store   billing.Store
	Gateway billing.Gateway
	Queue   billing.Queue
	Mailer  billing.Mailer
	Planner *planning.Planner
	// Rules, Policies, Engine, Livemode and Doubt: see planwork.Config.
	Rules    billing.Rules
	Policies dunning.Policies
	Engine   dunning.Engine
	Livemode bool
	Doubt    func() time.Time
	// Permits, Acquire, Note and Recorded: see collect.Config.
	collect.Permits
	Acquire  func(ctx context.Context) (acquired context.Context, release func(), err error)
	Note     func(ctx context.Context, id billing.AttemptID)
	Recorded func(outcome billing.Outcome)
	// Tries and CustomerDeclined: see stripeevents.Config.
	Tries            billing.CardTryLimits
	CustomerDeclined func()
	// Webhooks, Sender, Tried, Merchant and OpenLink: see outbox.Config.
	Webhooks billing.WebhookStore
	Sender   billing.WebhookSender
	Tried    func(outcome string)
	Merchant notify.Merchant
	OpenLink func(ctx context.Context, n billing.Notice) error
	// MessageDomain is the right-hand side of the Message-ID of mails.
	MessageDomain string
	// Host names the machine of this worker in the audit trail. It may be empty.
	Host  string
	Clock clock.Clock
	// Lease is how long, in real time, a claimed row is left to its worker. It is longer than any call
	// to Stripe takes.
	Lease time.Duration
	Log   zerolog.Logger
}

// work returns the unit of work that all processors share.
func (c Config) work() *planwork.Work {
	return planwork.New(planwork.Config{
		Store: c.Store, Queue: c.Queue, Rules: c.Rules, Policies: c.Policies, Engine: c.Engine, Livemode: c.Livemode, Doubt: c.Doubt,
		MessageDomain: c.MessageDomain, Clock: c.Clock, Lease: c.Lease, Log: c.Log,
	})
}
