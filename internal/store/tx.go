package store

import (
	"context"
	"fmt"

	"tranche/internal/billing"
)

// tx implements billing.Tx.
type tx struct{ reader }

var _ billing.Tx = (*tx)(nil)

// insertOne adds one row. Errors: ErrExists.
func (t *tx) insertOne(ctx context.Context, doing, table, columns string, values []any) error {
	n, err := t.insertRows(ctx, doing, table, columns, [][]any{values})
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: %w", doing, billing.ErrExists)
	}
	return err
}

// updateOne changes one row of a table without versions; $1 is its id. Errors: ErrNotFound.
func (t *tx) updateOne(ctx context.Context, doing, query string, args ...any) error {
	n, err := t.exec(ctx, doing, query, args...)
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: %w", doing, billing.ErrNotFound)
	}
	return err
}

// updateVersion changes one row if its version is still the given one; $1 is its id and $2 that
// version. Errors: ErrNotFound, ErrConflict.
func (t *tx) updateVersion(ctx context.Context, doing, table, query string, args ...any) error {
	n, err := t.exec(ctx, doing, query, args...)
	if err != nil || n > 0 {
		return err
	}
	found, err := t.count(ctx, doing, "SELECT count(*) FROM "+table+" WHERE id = $1", args[0])
	switch {
	case err != nil:
		return err
	case found == 0:
		return fmt.Errorf("%s: %w", doing, billing.ErrNotFound)
	}
	return fmt.Errorf("%s: %w", doing, billing.ErrConflict)
}

// count reads one number.
func (c conn) count(ctx context.Context, doing, query string, args ...any) (int64, error) {
	scan := func(row scanner) (int64, error) {
		var n int64
		err := row.Scan(&n)
		return n, err
	}
	return one(ctx, c, doing, scan, query, args...)
}
