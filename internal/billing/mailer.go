package billing

import "context"

// Mail is one rendered message.
type Mail struct {
	MessageID string // without angle brackets; the same at every try, so that a mail server can drop a second copy
	To        string
	Subject   string
	Text      string
	HTML      string // the same, for who reads HTML; empty: text alone
}

// Delivery says what became of a mail.
type Delivery struct {
	Kept bool // kept to be read here, because no mail server is set
}

// Mailer delivers mails.
type Mailer interface {
	// Send delivers one mail. A *MailError says whether trying again can help.
	Send(ctx context.Context, m Mail) (Delivery, error)
}

// MailError is a mail that was not accepted.
type MailError struct {
	Permanent bool // trying again will not help: the address is refused
	Err       error
}

// Error is the cause's text.
func (e *MailError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *MailError) Unwrap() error { return e.Err }
