package store

import (
	"context"
	"fmt"

	"tranche/internal/billing"
)

// PlansByReference reads the plans that the merchant calls so, by reference.
func (r reader) PlansByReference(ctx context.Context, references ...string) ([]billing.Plan, error) {
	return byIDs(ctx, r.conn, "read plans by reference", scanPlan, "SELECT "+planColumns+" FROM plans WHERE reference IN", "reference", references)
}

// CustomersByReference reads the customers that the merchant calls so, by reference.
func (r reader) CustomersByReference(ctx context.Context, references ...string) ([]billing.Customer, error) {
	return byIDs(ctx, r.conn, "read customers by reference", scanCustomer, "SELECT "+customerColumns+" FROM customers WHERE reference IN", "reference", references)
}

// CardsByPaymentMethod reads the cards that were saved from the PaymentMethods, by PaymentMethod.
func (r reader) CardsByPaymentMethod(ctx context.Context, paymentMethods ...string) ([]billing.Card, error) {
	return byIDs(ctx, r.conn, "read cards by PaymentMethod", scanCard, "SELECT "+cardColumns+" FROM cards WHERE payment_method IN", "payment_method", paymentMethods)
}

// InsertImported adds rows in as few statements as the engine takes. Errors: ErrExists, which loses
// the transaction.
func (t *tx) InsertImported(ctx context.Context, rows billing.Imported) error {
	for _, part := range []struct {
		table, columns string
		rows           [][]any
	}{
		{"customers", customerColumns, valuesOf(rows.Customers, customerValues)},
		{"cards", cardColumns, valuesOf(rows.Cards, cardValues)},
		{"plans", planColumns, valuesOf(rows.Plans, planValues)},
		{"charges", chargeColumns, valuesOf(rows.Charges, chargeValues)},
	} {
		doing := "import " + part.table
		added, err := t.insertRows(ctx, doing, part.table, part.columns, part.rows)
		if err == nil && added < int64(len(part.rows)) {
			err = fmt.Errorf("%s: %w", doing, billing.ErrExists)
			*t.failed = failure{err: err, fault: FaultDuplicate}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func valuesOf[T any](list []T, values func(T) []any) [][]any {
	rows := make([][]any, len(list))
	for i, v := range list {
		rows[i] = values(v)
	}
	return rows
}
