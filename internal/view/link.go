package view

import (
	"time"

	"tranche/internal/billing"
)

// Link is the JSON of a link to the recovery page.
type Link struct {
	ID        billing.LinkID   `json:"id"`
	Object    string           `json:"object"` // pay_link
	URL       string           `json:"url,omitempty"`
	Plan      billing.PlanID   `json:"plan"`
	Charge    billing.ChargeID `json:"charge,omitempty"` // empty: the link is for the plan's card
	Notice    billing.NoticeID `json:"notice,omitempty"` // the mail that holds it
	CreatedAt time.Time        `json:"created_at"`
	ExpiresAt time.Time        `json:"expires_at"`
	RevokedAt *time.Time       `json:"revoked_at,omitempty"`
}

// NewLink returns the JSON of a link. Its URL is known only when the link is created.
func NewLink(l billing.PayLink, url string) Link {
	v := Link{
		ID: l.ID, Object: "pay_link", URL: url, Plan: l.PlanID, Charge: l.ChargeID, Notice: l.NoticeID,
		CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
	}
	if !l.RevokedAt.IsZero() {
		v.RevokedAt = &l.RevokedAt
	}
	return v
}

// Revoked is the JSON of the revocation of all links.
type Revoked struct {
	Object  string `json:"object"` // revoked_links
	Revoked int    `json:"revoked"`
	DryRun  bool   `json:"dry_run,omitempty"` // nothing was revoked
}

// NewRevoked returns the JSON of the number of revoked links.
func NewRevoked(n int, dryRun bool) Revoked {
	return Revoked{Object: "revoked_links", Revoked: n, DryRun: dryRun}
}
