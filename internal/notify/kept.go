package notify

import (
	"context"

	"tranche/internal/billing"
)

// Kept is the mailer without a mail server: mails stay in the outbox and are not sent.
type Kept struct{}

var _ billing.Mailer = Kept{}

// Send delivers nothing and returns that the mail was kept.
func (Kept) Send(context.Context, billing.Mail) (billing.Delivery, error) {
	return billing.Delivery{Kept: true}, nil
}
