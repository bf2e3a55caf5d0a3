package billing

import (
	"context"
	"time"
)

// LinkID identifies a link to the recovery page: link_…
type LinkID string

// NewLinkID makes a link id at the given time.
func NewLinkID(now time.Time) LinkID { return LinkID("link_" + newID(now)) }

// PayLink allows the holder of its token to see one plan of one customer, pay what is due on it and
// change its card, without logging in. The token itself is stored nowhere: the row holds its hash,
// so that a stolen database opens no page.
type PayLink struct {
	ID         LinkID
	TokenHash  string // SHA-256 of the token, in hexadecimal; unique
	NoticeID   NoticeID
	CustomerID CustomerID
	PlanID     PlanID
	ChargeID   ChargeID // the charge to pay; empty for a link about the plan's card
	CreatedAt  time.Time
	ExpiresAt  time.Time
	RevokedAt  time.Time // zero if it was not revoked
}

// Open reports whether the link still opens the page.
func (l PayLink) Open(now time.Time) bool { return l.RevokedAt.IsZero() && now.Before(l.ExpiresAt) }

// LinkReader reads links.
type LinkReader interface {
	// PayLink finds a link by the hash of its token. Errors: ErrNotFound.
	PayLink(ctx context.Context, tokenHash string) (PayLink, error)
	// PayLinkByID reads one link. Errors: ErrNotFound.
	PayLinkByID(ctx context.Context, id LinkID) (PayLink, error)
	// PayLinks lists all of a plan's links, newest first.
	PayLinks(ctx context.Context, plan PlanID) ([]PayLink, error)
	// OpenPayLinks counts the links of all plans that are open at a time.
	OpenPayLinks(ctx context.Context, now time.Time) (int, error)
}

// LinkWriter writes links.
type LinkWriter interface {
	// InsertPayLink adds a link, or returns false, and does nothing, when a link with its token
	// exists. Errors: ErrNotFound when the plan does not exist.
	InsertPayLink(ctx context.Context, l PayLink) (bool, error)
	// RevokePayLink revokes a link. A link that has ended is left unchanged. Errors: ErrNotFound.
	RevokePayLink(ctx context.Context, id LinkID, at time.Time) error
	// RevokePayLinks revokes every link that is open at a time, and returns how many.
	RevokePayLinks(ctx context.Context, at time.Time) (int, error)
}
