package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

var _ billing.BindingStore = (*Store)(nil)

const bindingColumns = "account, livemode, home, bound_at, clock, anchor, anchor_account"

func scanBinding(row scanner) (billing.Binding, error) {
	var b billing.Binding
	err := row.Scan(&b.Account, &b.Livemode, &b.Home, at(&b.BoundAt), &b.Clock, &b.Anchor.ID, &b.Anchor.Account)
	return b, err
}

func bindingValues(b billing.Binding) []any {
	return []any{b.Account, b.Livemode, b.Home, millis(b.BoundAt), b.Clock, b.Anchor.ID, b.Anchor.Account}
}

// Binding reads what the database belongs to. Errors: ErrNotFound before the first use.
func (s *Store) Binding(ctx context.Context) (billing.Binding, error) {
	return one(ctx, s.conn, "read the database's binding", scanBinding, "SELECT "+bindingColumns+" FROM binding WHERE id = 1")
}

// Bind writes the first binding; of many at once one wins. It returns the one that holds.
func (s *Store) Bind(ctx context.Context, b billing.Binding) (billing.Binding, error) {
	_, err := s.writer().exec(ctx, "bind the database",
		"INSERT INTO binding (id, "+bindingColumns+") VALUES (1, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING", bindingValues(b)...)
	if err != nil {
		return b, err
	}
	return s.Binding(ctx)
}

// Rebind replaces the binding, and writes the entries in the same transaction.
func (s *Store) Rebind(ctx context.Context, b billing.Binding, entries ...billing.AuditEntry) error {
	return s.update(ctx, func(t *tx) error {
		if err := t.rebind(ctx, b); err != nil {
			return err
		}
		return t.InsertAudit(ctx, entries...)
	})
}

func (t *tx) rebind(ctx context.Context, b billing.Binding) error {
	_, err := t.exec(ctx, "replace the database's binding",
		"INSERT INTO binding (id, "+bindingColumns+`) VALUES (1, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE
		SET account = excluded.account, livemode = excluded.livemode, home = excluded.home, bound_at = excluded.bound_at,
			clock = excluded.clock, anchor = excluded.anchor, anchor_account = excluded.anchor_account`, bindingValues(b)...)
	return err
}

// CompleteBinding fills in what the binding does not know yet: account, clock and anchor.
func (s *Store) CompleteBinding(ctx context.Context, b billing.Binding) error {
	_, err := s.writer().exec(ctx, "complete the database's binding", `UPDATE binding SET
		account = CASE WHEN account = '' THEN $1 ELSE account END,
		clock = CASE WHEN clock = '' THEN $2 ELSE clock END,
		anchor_account = CASE WHEN anchor = '' THEN $4 ELSE anchor_account END,
		anchor = CASE WHEN anchor = '' THEN $3 ELSE anchor END
		WHERE id = 1`, b.Account, b.Clock, b.Anchor.ID, b.Anchor.Account)
	return err
}

// anchorPaymentSQL finds the first PaymentIntent of the charges created since a time. Stripe never
// deletes PaymentIntents. A plan's first charge usually has a PaymentIntent, so few rows are read.
const anchorPaymentSQL = `SELECT c.payment_intent, p.account FROM charges c JOIN plans p ON p.id = c.plan_id
	WHERE c.id >= $1 AND c.payment_intent IS NOT NULL ORDER BY c.id LIMIT 1`

// anchorCardSQL finds a saved card in its place.
const anchorCardSQL = "SELECT payment_method, account FROM cards WHERE id >= $1 ORDER BY id LIMIT 1"

// Anchor finds an object at Stripe that was stored at or after since: a PaymentIntent, or the
// PaymentMethod of a card. Errors: ErrNotFound where there is none, ErrUnavailable.
func (r reader) Anchor(ctx context.Context, since time.Time) (billing.Anchor, error) {
	scan := func(row scanner) (a billing.Anchor, err error) {
		err = row.Scan(&a.ID, &a.Account)
		return a, err
	}
	a, err := one(ctx, r.conn, "look for a PaymentIntent", scan, anchorPaymentSQL, string(billing.FirstChargeID(since)))
	if errors.Is(err, billing.ErrNotFound) {
		return one(ctx, r.conn, "look for a saved card", scan, anchorCardSQL, string(billing.FirstCardID(since)))
	}
	return a, err
}

// Home is the identity of the database, which a copy does not share.
func (s *Store) Home(ctx context.Context) (string, error) {
	if s.dialect.Home == nil {
		return "", nil
	}
	home, err := s.dialect.Home(ctx, s.read)
	if err != nil {
		return "", fmt.Errorf("identify the database: %w: %w", billing.ErrUnavailable, err)
	}
	return home, nil
}
