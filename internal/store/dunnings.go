package store

import (
	"context"
	"slices"
	"time"

	"tranche/internal/billing"
)

const dunningColumns = `id, status, policy, began_at, remind_at, final_at, deadline_at, held_at, replacing, card_id, claim_after, lease`

func scanDunning(row scanner) (billing.Dunning, error) {
	var d billing.Dunning
	err := row.Scan(&d.ChargeID, &d.Status, &d.Policy, at(&d.BeganAt), at(&d.RemindAt), at(&d.FinalAt), at(&d.DeadlineAt), at(&d.HeldAt),
		text(&d.Replacing), text(&d.CardID), at(&d.ClaimAfter), &d.Lease)
	return d, err
}

// Dunning reads what follows a charge. Errors: ErrNotFound when nothing does.
func (r reader) Dunning(ctx context.Context, charge billing.ChargeID) (billing.Dunning, error) {
	return one(ctx, r.conn, "read the dunning of charge "+string(charge), scanDunning,
		"SELECT "+dunningColumns+" FROM dunnings WHERE id = $1", charge)
}

// InsertDunning adds what follows a charge. Errors: ErrExists; ErrNotFound when there is no such
// charge, policy or card.
func (t *tx) InsertDunning(ctx context.Context, d billing.Dunning) error {
	return t.insertOne(ctx, "add the dunning of charge "+string(d.ChargeID), "dunnings", dunningColumns, []any{
		d.ChargeID, d.Status, d.Policy, millis(d.BeganAt), millis(d.RemindAt), millis(d.FinalAt), millis(d.DeadlineAt), millis(d.HeldAt),
		orNull(d.Replacing), orNull(d.CardID), millis(d.ClaimAfter), d.Lease,
	})
}

// UpdateDunning writes everything but the lease. Errors: ErrNotFound.
func (t *tx) UpdateDunning(ctx context.Context, d billing.Dunning) error {
	return t.updateOne(ctx, "update the dunning of charge "+string(d.ChargeID), `
		UPDATE dunnings SET status = $2, policy = $3, began_at = $4, remind_at = $5, final_at = $6, deadline_at = $7, held_at = $8,
			replacing = $9, card_id = $10, claim_after = $11
		WHERE id = $1`,
		d.ChargeID, d.Status, d.Policy, millis(d.BeganAt), millis(d.RemindAt), millis(d.FinalAt), millis(d.DeadlineAt), millis(d.HeldAt),
		orNull(d.Replacing), orNull(d.CardID), millis(d.ClaimAfter))
}

// ClaimDunnings claims open dunnings with ClaimAfter at or before now, earliest first. Limit is
// bounded like a list's.
func (s *Store) ClaimDunnings(ctx context.Context, now, until time.Time, limit int) ([]billing.DunningClaim, error) {
	return claim(ctx, s, "dunnings", anyStatus, now, until, limit, func(id string, lease int64, _ string) billing.DunningClaim {
		return billing.DunningClaim{ChargeID: billing.ChargeID(id), Lease: lease}
	})
}

// PinnedPolicy reads a policy that a charge began with. Errors: ErrNotFound.
func (r reader) PinnedPolicy(ctx context.Context, hash string) (billing.PinnedPolicy, error) {
	scan := func(row scanner) (p billing.PinnedPolicy, err error) {
		err = row.Scan(&p.Hash, &p.Name, raw{&p.Content}, at(&p.CreatedAt))
		return p, err
	}
	return one(ctx, r.conn, "read dunning policy "+hash, scan,
		"SELECT hash, name, content, created_at FROM dunning_policies WHERE hash = $1", hash)
}

// PinPolicy keeps a policy under its hash. One that is there already stays as it is.
func (t *tx) PinPolicy(ctx context.Context, p billing.PinnedPolicy) error {
	_, err := t.insertRows(ctx, "keep dunning policy "+p.Name, "dunning_policies", "hash, name, content, created_at",
		[][]any{{p.Hash, p.Name, string(p.Content), millis(p.CreatedAt)}})
	return err
}

// CardDeclines lists when an amount on a card was declined off-session at or after since, over all
// plans: oldest first, the latest 100 at most, which is more than any network allows in its window.
func (r reader) CardDeclines(ctx context.Context, of billing.CardAmount, since time.Time) ([]time.Time, error) {
	scan := func(row scanner) (made time.Time, err error) {
		err = row.Scan(at(&made))
		return made, err
	}
	list, err := all(ctx, r.conn, "count the declines of a card", scan, `
		SELECT a.created_at FROM attempts a JOIN charges c ON c.id = a.charge_id
		WHERE a.fingerprint = $1 AND a.created_at >= $2 AND a.outcome = 'declined' AND c.amount = $3 AND c.currency = $4
		ORDER BY a.created_at DESC LIMIT 100`,
		of.Fingerprint, since.UnixMilli(), of.Amount, of.Currency)
	slices.Reverse(list)
	return list, err
}
