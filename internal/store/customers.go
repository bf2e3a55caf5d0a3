package store

import (
	"context"
	"strconv"
	"time"

	"tranche/internal/billing"
)

const customerColumns = "id, reference, email, name, locale, timezone, stripe_customer, created_at, updated_at, version, erased_at, stripe_update_at"

func scanCustomer(row scanner) (billing.Customer, error) {
	var c billing.Customer
	err := row.Scan(&c.ID, &c.Reference, &c.Email, &c.Name, &c.Locale, &c.TimeZone, text(&c.StripeCustomer),
		at(&c.CreatedAt), at(&c.UpdatedAt), &c.Version, at(&c.ErasedAt), at(&c.StripeUpdateAt))
	return c, err
}

// Customer reads one customer.
func (r reader) Customer(ctx context.Context, id billing.CustomerID) (billing.Customer, error) {
	return one(ctx, r.conn, "read customer "+string(id), scanCustomer,
		"SELECT "+customerColumns+" FROM customers WHERE id = $1", id)
}

// CustomerByReference reads the customer that the merchant calls so.
func (r reader) CustomerByReference(ctx context.Context, reference string) (billing.Customer, error) {
	return one(ctx, r.conn, "read the customer with reference "+reference, scanCustomer,
		"SELECT "+customerColumns+" FROM customers WHERE reference = $1", reference)
}

// CustomerByStripe reads the customer with a Stripe customer id, on the platform's own account or
// on a connected account. On a connected account the customer is found by its cards. If several
// customers share the id, the oldest is returned.
func (r reader) CustomerByStripe(ctx context.Context, stripeCustomer string) (billing.Customer, error) {
	return one(ctx, r.conn, "read the customer of "+stripeCustomer, scanCustomer,
		"SELECT "+customerColumns+` FROM customers WHERE id IN (SELECT id FROM customers WHERE stripe_customer = $1
			UNION ALL SELECT customer_id FROM cards WHERE stripe_customer = $1 AND account <> '') ORDER BY id LIMIT 1`, stripeCustomer)
}

// Customers lists the customers with the given ids, by id. Unknown ids are ignored.
func (r reader) Customers(ctx context.Context, ids ...billing.CustomerID) ([]billing.Customer, error) {
	return byIDs(ctx, r.conn, "list customers", scanCustomer,
		"SELECT "+customerColumns+" FROM customers WHERE id IN", "id", ids)
}

// ListCustomers lists customers, newest first.
func (r reader) ListCustomers(ctx context.Context, f billing.CustomerFilter) ([]billing.Customer, error) {
	var where filter
	if f.StripeCustomer != "" {
		where.add("stripe_customer =", f.StripeCustomer)
	}
	if f.Before != "" {
		where.add("id <", f.Before)
	}
	return all(ctx, r.conn, "list customers", scanCustomer, where.sql("SELECT "+customerColumns+" FROM customers", "id DESC", f.Limit), where.args...)
}

// CustomersToUpdate lists customers that Stripe is to be asked about, earliest first.
func (r reader) CustomersToUpdate(ctx context.Context, now time.Time) ([]billing.Customer, error) {
	return all(ctx, r.conn, "list customers to update at Stripe", scanCustomer, "SELECT "+customerColumns+` FROM customers
		WHERE stripe_update_at IS NOT NULL AND stripe_update_at <= $1 AND erased_at IS NULL ORDER BY stripe_update_at, id LIMIT `+
		strconv.Itoa(billing.MaxPage), millis(now))
}

// UpdateStripeUpdate sets when a customer's contact data is next sent to Stripe, if the customer's
// version has not changed.
func (t *tx) UpdateStripeUpdate(ctx context.Context, c billing.Customer, next time.Time) error {
	_, err := t.exec(ctx, "update what is left to do about customer "+string(c.ID),
		"UPDATE customers SET stripe_update_at = $3 WHERE id = $1 AND version = $2", c.ID, c.Version, millis(next))
	return err
}

// InsertCustomer adds a customer. Errors: ErrExists.
func (t *tx) InsertCustomer(ctx context.Context, c billing.Customer) error {
	if err := t.insertOne(ctx, "add customer "+string(c.ID), "customers", customerColumns, customerValues(c)); err != nil {
		return err
	}
	return t.WakeEvents(ctx, c.CreatedAt, billing.AwaitsCustomer(c.Reference), c.StripeCustomer)
}

// UpdateCustomer changes a customer and raises its version. Errors: ErrNotFound, ErrConflict;
// ErrExists when the reference belongs to another, which loses the transaction.
func (t *tx) UpdateCustomer(ctx context.Context, c billing.Customer) error {
	err := t.updateVersion(ctx, "update customer "+string(c.ID), "customers", `
		UPDATE customers SET reference = $3, email = $4, name = $5, locale = $6, timezone = $7, stripe_customer = $8,
			created_at = $9, updated_at = $10, erased_at = $11, stripe_update_at = $12, version = version + 1
		WHERE id = $1 AND version = $2`,
		c.ID, c.Version, c.Reference, c.Email, c.Name, c.Locale, c.TimeZone, orNull(c.StripeCustomer),
		millis(c.CreatedAt), millis(c.UpdatedAt), millis(c.ErasedAt), millis(c.StripeUpdateAt))
	if err != nil {
		return err
	}
	return t.WakeEvents(ctx, c.UpdatedAt, c.StripeCustomer)
}

func customerValues(c billing.Customer) []any {
	return []any{
		c.ID, c.Reference, c.Email, c.Name, c.Locale, c.TimeZone, orNull(c.StripeCustomer),
		millis(c.CreatedAt), millis(c.UpdatedAt), c.Version, millis(c.ErasedAt), millis(c.StripeUpdateAt),
	}
}
