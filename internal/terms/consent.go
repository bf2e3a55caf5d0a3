package terms

import (
	"net/netip"
	"time"

	"tranche/internal/billing"
)

// Consent describes the consent that a customer gave in the merchant's checkout, in the format
// of POST /v1/plans.
type Consent struct {
	TextVersion string `json:"text_version"`         // the merchant's own name for the text that was shown
	AcceptedAt  string `json:"accepted_at"`          // RFC 3339
	IP          string `json:"ip,omitempty"`         // of the customer
	UserAgent   string `json:"user_agent,omitempty"` // of the customer's browser
}

const (
	maxUserAgent = 500
	// clockSkew is how far a merchant's clock may be ahead of this process's clock.
	clockSkew = 5 * time.Minute
)

func (c *Consent) check(bad *billing.InvalidError, now time.Time) {
	if c == nil {
		return
	}
	if n := len([]rune(c.TextVersion)); n == 0 || n > maxText {
		bad.Add("consent.text_version", "has %d characters; name the text that was shown, in 1 to %d", n, maxText)
	}
	checkLine(bad, "consent.text_version", c.TextVersion)
	checkLine(bad, "consent.user_agent", c.UserAgent)
	at, err := time.Parse(time.RFC3339, c.AcceptedAt)
	switch {
	case err != nil:
		bad.Add("consent.accepted_at", "%q is not an RFC 3339 time, such as 2026-12-20T18:30:00Z", c.AcceptedAt)
	case at.After(now.Add(clockSkew)):
		bad.Add("consent.accepted_at", "%s is in the future", c.AcceptedAt)
	}
	if c.IP != "" {
		if _, err := netip.ParseAddr(c.IP); err != nil {
			bad.Add("consent.ip", "is not an IP address")
		}
	}
	if len(c.UserAgent) > maxUserAgent {
		bad.Add("consent.user_agent", "is longer than %d bytes", maxUserAgent)
	}
}

// Row returns the record of the consent, for the first charge of a plan. The terms must have been
// checked.
func (c *Consent) Row(p billing.Plan, first billing.ChargeID, now time.Time) billing.Consent {
	at, err := time.Parse(time.RFC3339, c.AcceptedAt)
	if err != nil {
		at = now
	}
	return billing.Consent{
		ID: billing.NewConsentID(now), CustomerID: p.CustomerID, PlanID: p.ID, ChargeID: first, Source: billing.ConsentMerchant,
		TextVersion: c.TextVersion, AcceptedAt: at.UTC(), Address: c.IP, UserAgent: c.UserAgent, CreatedAt: now,
	}
}
