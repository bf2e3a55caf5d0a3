package store

import (
	"context"
	"time"

	"tranche/internal/billing"
)

const linkColumns = `id, token_hash, notice_id, customer_id, plan_id, charge_id, created_at, expires_at, revoked_at`

func scanLink(row scanner) (billing.PayLink, error) {
	var l billing.PayLink
	err := row.Scan(&l.ID, &l.TokenHash, text(&l.NoticeID), &l.CustomerID, &l.PlanID, text(&l.ChargeID), at(&l.CreatedAt),
		at(&l.ExpiresAt), at(&l.RevokedAt))
	return l, err
}

// PayLink finds a link by the hash of its token. The error text omits the hash, which would show
// readers of logs which links are used.
func (r reader) PayLink(ctx context.Context, tokenHash string) (billing.PayLink, error) {
	return one(ctx, r.conn, "find a link", scanLink, "SELECT "+linkColumns+" FROM pay_links WHERE token_hash = $1", tokenHash)
}

// PayLinkByID reads one link.
func (r reader) PayLinkByID(ctx context.Context, id billing.LinkID) (billing.PayLink, error) {
	return one(ctx, r.conn, "read link "+string(id), scanLink, "SELECT "+linkColumns+" FROM pay_links WHERE id = $1", id)
}

// PayLinks lists all of a plan's links, newest first.
func (r reader) PayLinks(ctx context.Context, plan billing.PlanID) ([]billing.PayLink, error) {
	return all(ctx, r.conn, "list the links of "+string(plan), scanLink,
		"SELECT "+linkColumns+" FROM pay_links WHERE plan_id = $1 ORDER BY id DESC", plan)
}

const openLinks = " revoked_at IS NULL AND expires_at > $1"

// OpenPayLinks counts the links of all plans that open the page at a time.
func (r reader) OpenPayLinks(ctx context.Context, now time.Time) (int, error) {
	n, err := r.count(ctx, "count open links", "SELECT count(*) FROM pay_links WHERE"+openLinks, now.UnixMilli())
	return int(n), err
}

// InsertPayLink adds a link, or returns false when one with its token is there already.
func (t *tx) InsertPayLink(ctx context.Context, l billing.PayLink) (bool, error) {
	added, err := t.insertRows(ctx, "add link "+string(l.ID), "pay_links", linkColumns, [][]any{{
		l.ID, l.TokenHash, orNull(l.NoticeID), l.CustomerID, l.PlanID, orNull(l.ChargeID), millis(l.CreatedAt), millis(l.ExpiresAt),
		millis(l.RevokedAt),
	}})
	return added > 0, err
}

// RevokePayLink ends a link; one that was revoked keeps its time. Errors: ErrNotFound.
func (t *tx) RevokePayLink(ctx context.Context, id billing.LinkID, when time.Time) error {
	return t.updateOne(ctx, "revoke link "+string(id),
		"UPDATE pay_links SET revoked_at = CASE WHEN revoked_at IS NULL THEN $2 ELSE revoked_at END WHERE id = $1", id, when.UnixMilli())
}

// RevokePayLinks ends every link that is open at a time, and returns how many there were.
func (t *tx) RevokePayLinks(ctx context.Context, when time.Time) (int, error) {
	n, err := t.exec(ctx, "revoke all links", "UPDATE pay_links SET revoked_at = $1 WHERE"+openLinks, when.UnixMilli())
	return int(n), err
}
