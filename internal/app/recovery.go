package app

import (
	"net/mail"
	"net/url"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/recovery"
)

// NewLinks returns the maker of links for a configuration; it makes none if a setting is missing.
// The caller sets the clock.
func NewLinks(cfg config.Config, s billing.Store) *recovery.Links {
	l := &recovery.Links{Store: s, TTL: cfg.LinkTTL}
	if cfg.PayPage() {
		l.Key, l.BaseURL = cfg.SecretKeys[0], cfg.BaseURL
	}
	return l
}

// payPage returns the recovery page; nil if a setting is missing.
func (p *parts) payPage() *handlers.PayPage {
	if p.requests == nil || !p.cfg.PayPage() {
		return nil
	}
	contact := ""
	if from, err := mail.ParseAddress(p.cfg.MailFrom); err == nil {
		contact = from.Address
	}
	service := &recovery.Service{
		Store: p.store, Gateway: p.gateway, Now: p.clock.Now, Lease: p.clock.Simulated(p.cfg.Lease),
		Reason: func(f billing.Failure) billing.Reason { return dunning.Classify(f, "").Reason }, MessageDomain: MessageDomain(p.cfg), OwnAccount: p.guard.Confirms,
		Tries: billing.CardTryLimits{Max: p.cfg.CardTries}, Rules: p.rules,
	}
	return &handlers.PayPage{
		Recovery: service, Links: p.links, Merchant: merchantName(p.cfg), Contact: contact, BaseURL: p.cfg.BaseURL,
		PublishableKey: p.cfg.StripePublishableKey, StripeJSURL: p.cfg.StripeJSURL, StripeAPIBase: p.cfg.StripeAPIBase,
		Holidays: p.rules.Holidays, Reasons: reasonsByCode(),
	}
}

// merchantName returns the name that customers know the merchant by; the page's host name if it is
// not set.
func merchantName(cfg config.Config) string {
	if cfg.MerchantName != "" {
		return cfg.MerchantName
	}
	if u, err := url.Parse(cfg.BaseURL); err == nil {
		return u.Hostname()
	}
	return ""
}

// reasonsByCode returns the reason that the page's script may show for each decline code.
func reasonsByCode() map[string]billing.Reason {
	reasons := map[string]billing.Reason{}
	for _, code := range dunning.Codes() {
		reasons[code] = dunning.Classify(billing.Failure{Code: code}, "").Reason
	}
	return reasons
}
