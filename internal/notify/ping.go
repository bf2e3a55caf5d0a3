package notify

import "context"

// Ping connects and logs in as for a mail, but sends none. Errors: *billing.MailError.
func (s *SMTP) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	c, err := s.connect(ctx)
	if err != nil {
		return s.failed(err)
	}
	c.close(false) // the server answered; an error on QUIT does not matter
	return nil
}
