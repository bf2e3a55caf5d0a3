package notify

import (
	"context"

	"tranche/internal/billing"
)

// Kept is the mailer for when no mail server is set: mails are kept in the outbox and not sent.
type Kept struct{}

var _ billing.Mailer = Kept{}

// Send delivers nothing and says so.
func (Kept) Send(context.Context, billing.Mail) (billing.Delivery, error) {
	return billing.Delivery{Kept: true}, nil
}
