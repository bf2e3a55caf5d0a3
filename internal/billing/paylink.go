package billing

import (
	"context"
	"time"
)

// LinkID names a link to the recovery page: link_…
type LinkID string

// NewLinkID makes a link id at the given time.
func NewLinkID(now time.Time) LinkID { return LinkID("link_" + newID(now)) }

// PayLink lets whoever holds its token see one plan of one customer, pay what is due on it and
// change its card, without logging in. The token itself is kept nowhere: the row holds its hash, so
// that a stolen database opens no page.
type PayLink struct {
	ID         LinkID
	TokenHash  string // SHA-256 of the token, in hexadecimal; unique
	NoticeID   NoticeID
	CustomerID CustomerID
	PlanID     PlanID
	ChargeID   ChargeID // what is to be paid; empty for a link that is about the plan's card
	CreatedAt  time.Time
	ExpiresAt  time.Time
	RevokedAt  time.Time // zero while it holds
}

// Open says whether the link still opens the page.
func (l PayLink) Open(now time.Time) bool { return l.RevokedAt.IsZero() && now.Before(l.ExpiresAt) }

// LinkReader reads links.
type LinkReader interface {
	// PayLink finds a link by the hash of its token. Errors: ErrNotFound.
	PayLink(ctx context.Context, tokenHash string) (PayLink, error)
	// PayLinkByID reads one link. Errors: ErrNotFound.
	PayLinkByID(ctx context.Context, id LinkID) (PayLink, error)
	// PayLinks lists all of a plan's links, newest first.
	PayLinks(ctx context.Context, plan PlanID) ([]PayLink, error)
	// OpenPayLinks counts the links of all plans that open the page at a time.
	OpenPayLinks(ctx context.Context, now time.Time) (int, error)
}

// LinkWriter writes links.
type LinkWriter interface {
	// InsertPayLink adds a link, or returns false, and does nothing, when one with its token is
	// there already. Errors: ErrNotFound when there is no such plan.
	InsertPayLink(ctx context.Context, l PayLink) (bool, error)
	// RevokePayLink ends a link. One that has ended stays as it is. Errors: ErrNotFound.
	RevokePayLink(ctx context.Context, id LinkID, at time.Time) error
	// RevokePayLinks ends every link that is open at a time, and returns how many there were.
	RevokePayLinks(ctx context.Context, at time.Time) (int, error)
}
