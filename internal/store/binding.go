package store

import (
	"context"
	"fmt"

	"tranche/internal/billing"
)

var _ billing.BindingStore = (*Store)(nil)

// Binding reads what the database belongs to. Errors: ErrNotFound before the first use.
func (s *Store) Binding(ctx context.Context) (billing.Binding, error) {
	scan := func(row scanner) (billing.Binding, error) {
		var b billing.Binding
		err := row.Scan(&b.Account, &b.Livemode, &b.Home, at(&b.BoundAt))
		return b, err
	}
	return one(ctx, s.conn, "read the database's binding", scan, "SELECT account, livemode, home, bound_at FROM binding WHERE id = 1")
}

// Bind writes the first binding; of many at once one wins. It returns the one that holds.
func (s *Store) Bind(ctx context.Context, b billing.Binding) (billing.Binding, error) {
	_, err := s.writer().exec(ctx, "bind the database",
		"INSERT INTO binding (id, account, livemode, home, bound_at) VALUES (1, $1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
		b.Account, b.Livemode, b.Home, millis(b.BoundAt))
	if err != nil {
		return b, err
	}
	return s.Binding(ctx)
}

// Rebind replaces the binding.
func (s *Store) Rebind(ctx context.Context, b billing.Binding) error {
	_, err := s.writer().exec(ctx, "bind the database anew",
		`INSERT INTO binding (id, account, livemode, home, bound_at) VALUES (1, $1, $2, $3, $4) ON CONFLICT (id) DO UPDATE
		SET account = excluded.account, livemode = excluded.livemode, home = excluded.home, bound_at = excluded.bound_at`,
		b.Account, b.Livemode, b.Home, millis(b.BoundAt))
	return err
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
