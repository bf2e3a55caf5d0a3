package billing

import "context"

// ImportReader finds what an import must know of, many at once. Names of what there is not are
// passed over.
type ImportReader interface {
	PlansByReference(ctx context.Context, references ...string) ([]Plan, error)
	CustomersByReference(ctx context.Context, references ...string) ([]Customer, error)
	CardsByPaymentMethod(ctx context.Context, paymentMethods ...string) ([]Card, error)
}

// Imported are the rows of plans that were collected elsewhere before.
type Imported struct {
	Customers []Customer
	Cards     []Card
	Plans     []Plan
	Charges   []Charge
}

// ImportWriter writes them. It is part of Tx.
type ImportWriter interface {
	// InsertImported adds the rows in few statements. One that is there already loses the
	// transaction. Errors: ErrExists.
	InsertImported(ctx context.Context, rows Imported) error
}
