package notify

import (
	"errors"
	"strings"

	"github.com/wneessen/go-mail"

	"tranche/internal/billing"
)

// message builds the mail. Addresses and Message-ID are refused rather than repaired when they hold what could
// begin another header.
func (s *SMTP) message(m billing.Mail) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := msg.From(s.from); err != nil {
		return nil, errors.New("the sender is not a mail address")
	}
	if strings.ContainsAny(m.To, "\r\n,;") {
		return nil, errors.New("the recipient is not one mail address")
	}
	if err := msg.To(m.To); err != nil {
		return nil, errors.New("the recipient is not a mail address")
	}
	if !isMessageID(m.MessageID) {
		return nil, errors.New("the Message-ID is not of the form LEFT@RIGHT")
	}
	msg.SetMessageIDWithValue(m.MessageID)
	msg.SetDateWithValue(s.now())
	msg.Subject(oneLine(m.Subject))
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no holiday replies
	// RFC 2919, for the reader's filters. No List-Unsubscribe beside it: these mails are about a debt of the reader's own, and
	// nobody can unsubscribe from being told of it.
	msg.SetGenHeader("List-Id", s.listID)
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, m.HTML) // last: a reader takes the last part that it can show (RFC 2046, 5.1.4)
	}
	return msg, nil
}

// isMessageID says whether the text can stand between the angle brackets of a Message-ID header (RFC 5322, 3.6.4).
func isMessageID(id string) bool {
	left, right, ok := strings.Cut(id, "@")
	return ok && left != "" && right != "" && !strings.ContainsFunc(id, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '<' || r == '>'
	}) && !strings.Contains(right, "@")
}
