package billing

import "context"

// Mail is one rendered message.
type Mail struct {
	MessageID string // without angle brackets; the same for every retry, so that mail servers can drop duplicates
	To        string
	Subject   string
	Text      string
	HTML      string // the same content as HTML; empty: text only
}

// Delivery is the result of sending a mail.
type Delivery struct {
	Kept bool // stored to be read in Tranche, because no mail server is configured
}

// Mailer delivers mails.
type Mailer interface {
	// Send delivers one mail. A *MailError reports whether a retry can help.
	Send(ctx context.Context, m Mail) (Delivery, error)
}

// MailError is a mail that was not accepted.
type MailError struct {
	Permanent bool // a retry will not help: the address is refused
	Err       error
}

// Error returns the cause's text.
func (e *MailError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *MailError) Unwrap() error { return e.Err }
