package config

import (
	"net/netip"
	"strings"
	"time"
)

// recoverySettings are the settings of the recovery page.
func recoverySettings() []entry {
	const group = "Recovery page"
	return []entry{
		{Setting{Name: "TRANCHE_LINK_TTL", Group: group, Default: "720h",
			Doc: "How long a link to the recovery page is valid. The page is enabled when TRANCHE_BASE_URL, TRANCHE_SECRET_KEY and " +
				"STRIPE_PUBLISHABLE_KEY are set; mails then link to it."},
			duration(func(c *Config) *time.Duration { return &c.LinkTTL })},
		{Setting{Name: "TRANCHE_CARD_TRIES", Group: group, Default: "8",
			Doc: "Declined cards that a customer may enter for one charge in a day, before payments on the page are blocked for a day. " +
				"The limit prevents tests of stolen cards. It is twice as high for a customer in total, and three times as high for an IP address."},
			number(func(c *Config) *int { return &c.CardTries })},
		{Setting{Name: "TRANCHE_TRUSTED_PROXIES", Group: group, Example: "10.0.0.0/8,192.0.2.7",
			Doc: "Addresses of the proxies in front of this process. Their X-Forwarded-For is trusted, stored as evidence of " +
				"consent and used for limits. Required behind a proxy: without it every visitor has the proxy's address."},
			list(func(c *Config) *[]string { return &c.TrustedProxies })},
	}
}

// PayPage reports whether the recovery page is enabled and mails link to it.
func (c Config) PayPage() bool {
	return c.BaseURL != "" && len(c.SecretKeys) > 0 && c.StripePublishableKey != ""
}

// ProxyPrefixes returns the trusted proxies; a single address counts as a prefix. It leaves out
// invalid parts, which Validate reports.
func (c Config) ProxyPrefixes() []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range c.TrustedProxies {
		if p, ok := proxyPrefix(text); ok {
			prefixes = append(prefixes, p)
		}
	}
	return prefixes
}

// BehindUnnamedProxy reports whether the recovery page uses https, which a proxy must terminate,
// while no setting names a proxy.
func (c Config) BehindUnnamedProxy() bool {
	return c.PayPage() && hasScheme(c.BaseURL, "https") && len(c.TrustedProxies) == 0
}

func proxyPrefix(text string) (netip.Prefix, bool) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err == nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}
