package outbox

import (
	"context"

	"tranche/internal/billing"
	"tranche/internal/notify"
	"tranche/internal/planwork"
)

// Config holds what an Outbox needs besides the unit of work.
type Config struct {
	// Mailer sends the mails. Merchant is what they show of the merchant.
	Mailer   billing.Mailer
	Merchant notify.Merchant
	// OpenLink lets the link in a notice's mail open its page. It is called before each try to send
	// the mail. It may be nil.
	OpenLink func(ctx context.Context, n billing.Notice) error
	// Webhooks holds the messages to the merchant's endpoints; Sender posts them.
	Webhooks billing.WebhookStore
	Sender   billing.WebhookSender
	// Tried is called with the result of each delivery of a message, such as TryDelivered. It may be
	// nil.
	Tried func(outcome string)
}

// Outbox sends notices to customers and messages to endpoints. It is safe for concurrent use.
type Outbox struct {
	*planwork.Work
	Config
	probes probes
}

// New returns an Outbox that reads and changes plans by work.
func New(work *planwork.Work, c Config) *Outbox { return &Outbox{Work: work, Config: c} }
