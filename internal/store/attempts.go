package store

import (
	"context"
	"encoding/json"
	"fmt"

	"tranche/internal/billing"
)

const attemptColumns = `id, charge_id, number, initiator, idempotency_key, params, send_count, sent_at, outcome, failure,
	payment_intent, stripe_charge, request_id, created_at, finished_at, fingerprint`

func scanAttempt(row scanner) (billing.Attempt, error) {
	var a billing.Attempt
	err := row.Scan(&a.ID, &a.ChargeID, &a.Number, &a.Initiator, text(&a.IdempotencyKey), document{&a.Params},
		&a.SendCount, at(&a.SentAt), &a.Outcome, document{&a.Failure}, text(&a.PaymentIntent), text(&a.StripeCharge),
		&a.RequestID, at(&a.CreatedAt), at(&a.FinishedAt), text(&a.Fingerprint))
	return a, err
}

func attemptValues(a billing.Attempt) ([]any, error) {
	params, err := a.Params.JSON()
	if err != nil {
		return nil, fmt.Errorf("encode the parameters of attempt %s: %w", a.ID, err)
	}
	failure, err := json.Marshal(a.Failure)
	if err != nil {
		return nil, fmt.Errorf("encode the failure of attempt %s: %w", a.ID, err)
	}
	return []any{
		a.ID, a.ChargeID, a.Number, a.Initiator, orNull(a.IdempotencyKey), string(params), a.SendCount,
		millis(a.SentAt), a.Outcome, string(failure), orNull(a.PaymentIntent), orNull(a.StripeCharge), a.RequestID,
		millis(a.CreatedAt), millis(a.FinishedAt), orNull(a.Fingerprint),
	}, nil
}

// Attempts lists the attempts at the given charges by charge and number.
func (r reader) Attempts(ctx context.Context, charges ...billing.ChargeID) ([]billing.Attempt, error) {
	return byIDs(ctx, r.conn, "list attempts", scanAttempt,
		"SELECT "+attemptColumns+" FROM attempts WHERE charge_id IN", "charge_id, number", charges)
}

// InsertAttempt adds an attempt. Errors: ErrExists, also when the charge has an attempt of unknown
// outcome and this is another; ErrNotFound when there is no such charge.
func (t *tx) InsertAttempt(ctx context.Context, a billing.Attempt) error {
	values, err := attemptValues(a)
	if err != nil {
		return err
	}
	return t.insertOne(ctx, "add attempt "+string(a.ID), "attempts", attemptColumns, values)
}

// UpdateAttempt changes an attempt. Errors: ErrNotFound; ErrExists when another attempt has the
// same Stripe charge or key, which loses the transaction.
func (t *tx) UpdateAttempt(ctx context.Context, a billing.Attempt) error {
	values, err := attemptValues(a)
	if err != nil {
		return err
	}
	return t.updateOne(ctx, "update attempt "+string(a.ID), `
		UPDATE attempts SET charge_id = $2, number = $3, initiator = $4, idempotency_key = $5, params = $6,
			send_count = $7, sent_at = $8, outcome = $9, failure = $10, payment_intent = $11, stripe_charge = $12,
			request_id = $13, created_at = $14, finished_at = $15, fingerprint = $16
		WHERE id = $1`, values...)
}
