package billing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
)

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

// MailID returns the Message-ID of the notice's mail: a hash of the notice's unique key, at the
// sender's domain. When a restored database has lost the record of a mail, the mail is sent again
// under the same Message-ID, and mail servers drop the duplicate.
func (n Notice) MailID(domain string) string {
	subject := string(n.ChargeID)
	if subject == "" {
		subject = string(n.CustomerID)
	}
	sum := sha256.Sum256([]byte(subject + "\x00" + n.Step + "\x00" + n.Channel))
	return "ntc." + hex.EncodeToString(sum[:16]) + "@" + domain
}
