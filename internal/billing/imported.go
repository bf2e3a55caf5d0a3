package billing

import "context"

// ImportReader finds existing rows for an import, many at once. Names without a row are skipped.
type ImportReader interface {
	PlansByReference(ctx context.Context, references ...string) ([]Plan, error)
	CustomersByReference(ctx context.Context, references ...string) ([]Customer, error)
	CardsByPaymentMethod(ctx context.Context, paymentMethods ...string) ([]Card, error)
}

// Imported holds the rows of plans that another system collected before.
type Imported struct {
	Customers []Customer
	Cards     []Card
	Plans     []Plan
	Charges   []Charge
}

// ImportWriter writes imported rows. It is part of Tx.
type ImportWriter interface {
	// InsertImported adds the rows in few statements. If one exists already, the transaction fails.
	// Errors: ErrExists.
	InsertImported(ctx context.Context, rows Imported) error
}
