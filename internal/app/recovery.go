package app

import (
	"net/mail"
	"net/url"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/queue"
	"tranche/internal/recovery"
)

// openRecovery makes the links to the recovery page, which workers put into mails and the ingress
// serves, and the ingress's rate limit against guessing links and API keys.
func (a *App) openRecovery() (err error) {
	a.links = NewLinks(a.cfg, a.store)
	a.links.Now = a.clock.Now
	a.merchant.PayLink = a.links.URL
	if a.cfg.Has(config.RoleIngress) {
		if a.requests, err = queue.NewRequestLimiter(a.redis, a.clock.Wall, a.log); err != nil {
			return err
		}
		a.opened.add("request limiter", a.requests.Close)
	}
	return nil
}

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
func (a *App) payPage() *handlers.PayPage {
	if a.requests == nil || !a.cfg.PayPage() {
		return nil
	}
	contact := ""
	if from, err := mail.ParseAddress(a.cfg.MailFrom); err == nil {
		contact = from.Address
	}
	service := &recovery.Service{
		Store: a.store, Gateway: a.gateway, Now: a.clock.Now, Lease: a.clock.Simulated(a.cfg.Lease),
		Reason: func(f billing.Failure) billing.Reason { return dunning.Classify(f, "").Reason }, MessageDomain: MessageDomain(a.cfg), OwnAccount: a.guard.Confirms,
		Tries: billing.CardTryLimits{Max: a.cfg.CardTries},
	}
	return &handlers.PayPage{
		Recovery: service, Links: a.links, Merchant: a.merchantName(), Contact: contact, BaseURL: a.cfg.BaseURL,
		PublishableKey: a.cfg.StripePublishableKey, StripeJSURL: a.cfg.StripeJSURL, StripeAPIBase: a.cfg.StripeAPIBase,
		Holidays: a.rules.Holidays, Reasons: reasonsByCode(),
	}
}

// merchantName returns the name that customers know the merchant by; the page's host name if it is
// not set.
func (a *App) merchantName() string {
	if a.cfg.MerchantName != "" {
		return a.cfg.MerchantName
	}
	if u, err := url.Parse(a.cfg.BaseURL); err == nil {
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
