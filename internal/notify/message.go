package notify

import (
	"errors"
	"strings"

	"github.com/wneessen/go-mail"

	"tranche/internal/billing"
)

// message builds the mail. An address or Message-ID that could start another header is rejected,
// not repaired.
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
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic replies
	// RFC 2919, for the reader's filters. There is no List-Unsubscribe: these mails are about the
	// reader's own payments and cannot be unsubscribed from.
	msg.SetGenHeader("List-Id", s.listID)
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, m.HTML) // last: mail programs prefer the last part (RFC 2046, 5.1.4)
	}
	return msg, nil
}

// isMessageID reports whether a text is a valid Message-ID without its angle brackets (RFC 5322,
// 3.6.4).
func isMessageID(id string) bool {
	left, right, ok := strings.Cut(id, "@")
	return ok && left != "" && right != "" && !strings.ContainsFunc(id, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '<' || r == '>'
	}) && !strings.Contains(right, "@")
}
