package notify

import (
	"context"

	"github.com/wneessen/go-mail"
)

// Ping connects and logs in as for a mail, and sends none. Errors: *billing.MailError.
func (s *SMTP) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	client, err := mail.NewClient(s.host, append(s.options, mail.WithDialContextFunc(s.dial(ctx)))...)
	if err != nil {
		return s.failed(err)
	}
	if err := client.DialWithContext(ctx); err != nil {
		return s.failed(err)
	}
	_ = client.Close() // it answered, and a failing goodbye says nothing
	return nil
}
