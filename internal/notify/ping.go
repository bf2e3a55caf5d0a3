package notify

import "context"

// Ping connects and logs in as for a mail, and sends none. Errors: *billing.MailError.
func (s *SMTP) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	c, err := s.connect(ctx)
	if err != nil {
		return s.failed(err)
	}
	c.close(false) // it answered, and a failing goodbye says nothing
	return nil
}
