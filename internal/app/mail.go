package app

import (
	"net/mail"
	"strings"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/notify"
)

// keptDomain is the domain in the Message-IDs of mails that are stored and not sent. RFC 2606
// reserves it, so it belongs to no one.
const keptDomain = "tranche.invalid"

// Merchant returns the sender's name and the templates of mails. Errors: *config.Error for a
// template that can't be used.
func Merchant(cfg config.Config) (notify.Merchant, error) {
	m := notify.Merchant{Name: cfg.MerchantName, ReturnURL: cfg.ReturnURL}
	if cfg.Templates == "" {
		return m, nil
	}
	var faults []notify.TemplateError
	m.Templates, faults = notify.LoadTemplates(cfg.Templates)
	if faults == nil {
		return m, nil
	}
	refused := &config.Error{}
	for _, f := range faults {
		refused.Faults = append(refused.Faults, config.Fault{
			Setting: "TRANCHE_TEMPLATES", Problem: "holds a template that can't be used: " + f.Path + ": " + f.Problem, Hint: f.Hint,
		})
	}
	return m, refused
}

// MessageDomain returns the right-hand side of the Message-ID of mails: the sender's domain.
func MessageDomain(cfg config.Config) string {
	from, err := mail.ParseAddress(cfg.MailFrom)
	if cfg.SMTPURL == "" || err != nil {
		return keptDomain
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	return domain
}

// openMailer returns the mail server, or, if there is none, a mailer that only stores notices.
func (s *services) openMailer() (billing.Mailer, error) {
	if s.cfg.SMTPURL == "" {
		return notify.Kept{}, nil
	}
	smtp, err := notify.NewSMTP(notify.SMTPConfig{URL: s.cfg.SMTPURL, From: s.cfg.MailFrom, Now: s.clock.Now})
	if err != nil {
		return nil, err
	}
	s.opened.add("mail server", quietly(smtp.Close))
	return smtp, nil
}
