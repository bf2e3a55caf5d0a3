package store

import (
	"context"

	"tranche/internal/billing"
)

const requestColumns = "key, fingerprint, plan_id, created_at"

// Request finds what an Idempotency-Key of the merchant's was used for.
func (r reader) Request(ctx context.Context, key string) (billing.Request, error) {
	scan := func(row scanner) (billing.Request, error) {
		var q billing.Request
		err := row.Scan(&q.Key, &q.Fingerprint, text(&q.PlanID), at(&q.CreatedAt))
		return q, err
	}
	return one(ctx, r.conn, "read a request by its Idempotency-Key", scan,
		"SELECT "+requestColumns+" FROM requests WHERE key = $1", key)
}

// InsertRequest remembers an Idempotency-Key. Errors: ErrExists.
func (t *tx) InsertRequest(ctx context.Context, q billing.Request) error {
	return t.insertOne(ctx, "remember an Idempotency-Key", "requests", requestColumns, []any{
		q.Key, q.Fingerprint, orNull(q.PlanID), millis(q.CreatedAt),
	})
}
