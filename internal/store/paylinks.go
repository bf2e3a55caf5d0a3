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

// PayLink finds a link by the hash of its token. The hash is not in the error's text: with it a reader of logs could tell
// which links are used.
func (r reader) PayLink(ctx context.Context, tokenHash string) (billing.PayLink, error) {
	return one(ctx, r.conn, "find a link", scanLink, "SELECT "+linkColumns+" FROM pay_links WHERE token_hash = $1", tokenHash)
}

// PayLinkByID reads one link.
func (r reader) PayLinkByID(ctx context.Context, id billing.LinkID) (billing.PayLink, error) {
	return one(ctx, r.conn, "read link "+string(id), scanLink, "SELECT "+linkColumns+" FROM pay_links WHERE id = $1", id)
}

// PayLinks lists a plan's links, newest first.
func (r reader) PayLinks(ctx context.Context, plan billing.PlanID) ([]billing.PayLink, error) {
	var where filter
	where.add("plan_id =", plan)
	return all(ctx, r.conn, "list the links of "+string(plan), scanLink,
		where.sql("SELECT "+linkColumns+" FROM pay_links", "id DESC", 0), where.args...)
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
