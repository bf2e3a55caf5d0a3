package store

import (
	"context"
	"strconv"
	"time"

	"tranche/internal/billing"
)

const cardColumns = `id, customer_id, payment_method, stripe_customer, brand, last4, exp_month, exp_year, fingerprint,
	status, created_at, updated_at, account, position, hold, removed_at, detach_at, own`

func scanCard(row scanner) (billing.Card, error) {
	var c billing.Card
	err := row.Scan(&c.ID, &c.CustomerID, &c.PaymentMethod, text(&c.StripeCustomer), &c.Brand, &c.Last4, &c.ExpMonth,
		&c.ExpYear, &c.Fingerprint, &c.Status, at(&c.CreatedAt), at(&c.UpdatedAt), &c.Account, &c.Position, &c.Hold,
		at(&c.RemovedAt), at(&c.DetachAt), &c.Own)
	return c, err
}

// Card reads one card.
func (r reader) Card(ctx context.Context, id billing.CardID) (billing.Card, error) {
	return one(ctx, r.conn, "read card "+string(id), scanCard,
		"SELECT "+cardColumns+" FROM cards WHERE id = $1", id)
}

// CardByPaymentMethod reads the card that was saved from a PaymentMethod.
func (r reader) CardByPaymentMethod(ctx context.Context, paymentMethod string) (billing.Card, error) {
	return one(ctx, r.conn, "read the card of "+paymentMethod, scanCard,
		"SELECT "+cardColumns+" FROM cards WHERE payment_method = $1", paymentMethod)
}

// Cards lists a customer's cards of every status, oldest first.
func (r reader) Cards(ctx context.Context, customer billing.CustomerID) ([]billing.Card, error) {
	return all(ctx, r.conn, "list the cards of "+string(customer), scanCard,
		"SELECT "+cardColumns+" FROM cards WHERE customer_id = $1 ORDER BY id", customer)
}

// CardsToDetach lists cards that Stripe is to be asked about, earliest first.
func (r reader) CardsToDetach(ctx context.Context, now time.Time) ([]billing.Card, error) {
	return all(ctx, r.conn, "list cards to detach", scanCard,
		"SELECT "+cardColumns+" FROM cards WHERE detach_at IS NOT NULL AND detach_at <= $1 ORDER BY detach_at, id LIMIT "+strconv.Itoa(billing.MaxPage), millis(now))
}

// LockCards lists a customer's cards as Cards does, and keeps others from changing them until the
// transaction ends.
func (t *tx) LockCards(ctx context.Context, customer billing.CustomerID) ([]billing.Card, error) {
	return all(ctx, t.conn, "lock the cards of "+string(customer), scanCard,
		"SELECT "+cardColumns+" FROM cards WHERE customer_id = $1 ORDER BY id"+t.dialect.RowLock, customer)
}

// UpdateDetach sets when Stripe is next asked to detach a removed card; a zero time means never.
// Errors: ErrNotFound.
func (t *tx) UpdateDetach(ctx context.Context, id billing.CardID, next time.Time) error {
	return t.updateOne(ctx, "update what is left to do about card "+string(id),
		"UPDATE cards SET detach_at = $2 WHERE id = $1", id, millis(next))
}

// InsertCard adds a card. Errors: ErrExists; ErrNotFound when there is no such customer.
func (t *tx) InsertCard(ctx context.Context, c billing.Card) error {
	if err := t.insertOne(ctx, "add card "+string(c.ID), "cards", cardColumns, cardValues(c)); err != nil || c.Account == "" {
		return err
	}
	return t.WakeEvents(ctx, c.CreatedAt, c.StripeCustomer) // in a connected account a customer is known by the cards
}

// UpdateCard changes a card. A revoked or removed card keeps that status, even if the caller read
// the card before the change. The removal sets the time of the detach call to Stripe, and after
// that only UpdateDetach changes it. Errors: ErrNotFound.
func (t *tx) UpdateCard(ctx context.Context, c billing.Card) error {
	return t.updateOne(ctx, "update card "+string(c.ID), `
		UPDATE cards SET customer_id = $2, payment_method = $3, stripe_customer = $4, brand = $5, last4 = $6,
			exp_month = $7, exp_year = $8, fingerprint = $9, status = CASE WHEN status = 'revoked' THEN status WHEN removed_at IS NOT NULL THEN 'detached' ELSE $10 END,
			created_at = $11, updated_at = $12,
			account = $13, position = $14, hold = $15, removed_at = COALESCE(removed_at, $16),
			detach_at = CASE WHEN removed_at IS NULL THEN $17 ELSE detach_at END, own = $18
		WHERE id = $1`,
		c.ID, c.CustomerID, c.PaymentMethod, orNull(c.StripeCustomer), c.Brand, c.Last4, c.ExpMonth, c.ExpYear,
		c.Fingerprint, c.Status, millis(c.CreatedAt), millis(c.UpdatedAt), c.Account, c.Position, c.Hold,
		millis(c.RemovedAt), millis(c.DetachAt), c.Own)
}

func cardValues(c billing.Card) []any {
	return []any{
		c.ID, c.CustomerID, c.PaymentMethod, orNull(c.StripeCustomer), c.Brand, c.Last4, c.ExpMonth, c.ExpYear,
		c.Fingerprint, c.Status, millis(c.CreatedAt), millis(c.UpdatedAt), c.Account, c.Position, c.Hold,
		millis(c.RemovedAt), millis(c.DetachAt), c.Own,
	}
}
