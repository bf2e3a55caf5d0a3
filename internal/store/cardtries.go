package store

import (
	"context"
	"strings"

	"tranche/internal/billing"
)

const cardTryColumns = "id, kind, customer_id, charge_id, link_id, intent, address, code, at"

func scanCardTry(row scanner) (billing.CardTry, error) {
	var t billing.CardTry
	err := row.Scan(&t.ID, &t.Kind, &t.CustomerID, text(&t.ChargeID), text(&t.LinkID), &t.Intent, text(&t.Address), &t.Code, at(&t.At))
	return t, err
}

// cardTries is the condition of a filter.
func cardTries(f billing.CardTryFilter) filter {
	var where filter
	for _, column := range []struct{ is, value string }{
		{"charge_id =", string(f.Charge)}, {"link_id =", string(f.Link)}, {"customer_id =", string(f.Customer)},
		{"address =", f.Address}, {"intent =", f.Intent},
	} {
		if column.value != "" {
			where.add(column.is, column.value)
		}
	}
	where.add("kind =", f.Kind)
	if !f.Since.IsZero() {
		where.add("at >", f.Since.UnixMilli())
	}
	return where
}

// CountCardTries counts tries.
func (r reader) CountCardTries(ctx context.Context, f billing.CardTryFilter) (int, error) {
	where := cardTries(f)
	n, err := r.count(ctx, "count card tries", "SELECT COUNT(*) FROM card_tries WHERE "+strings.Join(where.conditions, " AND "), where.args...)
	return int(n), err
}

// LastCardTry returns the newest try. Errors: ErrNotFound.
func (r reader) LastCardTry(ctx context.Context, f billing.CardTryFilter) (billing.CardTry, error) {
	where := cardTries(f)
	return one(ctx, r.conn, "find the last card try", scanCardTry, where.sql("SELECT "+cardTryColumns+" FROM card_tries", "at DESC", 1), where.args...)
}

// InsertCardTry adds a try, or returns false when its id is there already.
func (t *tx) InsertCardTry(ctx context.Context, c billing.CardTry) (bool, error) {
	added, err := t.insertRows(ctx, "add card try "+string(c.ID), "card_tries", cardTryColumns, [][]any{{
		c.ID, c.Kind, c.CustomerID, orNull(c.ChargeID), orNull(c.LinkID), c.Intent, orNull(c.Address), c.Code, millis(c.At),
	}})
	return added > 0, err
}
