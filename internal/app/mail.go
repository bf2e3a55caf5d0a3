package app

import (
	"net/mail"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/notify"
)

// keptDomain stands in Message-IDs of mails that are kept: RFC 2606 reserves it, so it is nobody's.
const keptDomain = "tranche.invalid"

// mailer is the mail server, or the shelf on which notices are kept, and the domain of Message-IDs.
func (a *App) mailer() (billing.Mailer, string, error) {
	if a.cfg.SMTPURL == "" {
		return notify.Kept{}, keptDomain, nil
	}
	domain := keptDomain
	if from, err := mail.ParseAddress(a.cfg.MailFrom); err == nil {
		_, domain, _ = strings.Cut(from.Address, "@")
	}
	smtp, err := notify.NewSMTP(notify.SMTPConfig{URL: a.cfg.SMTPURL, From: a.cfg.MailFrom, Now: a.clock.Now})
	return smtp, domain, err
}
