package view

import (
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
)

// Charge is the JSON of a charge.
type Charge struct {
	ID            billing.ChargeID      `json:"id"`
	Sequence      int                   `json:"sequence"`
	Amount        int64                 `json:"amount"`
	Currency      money.Currency        `json:"currency"`
	DueAt         *time.Time            `json:"due_at"` // null while the charge waits for the merchant's request
	Status        billing.ChargeStatus  `json:"status"`
	Reason        string                `json:"reason,omitempty"`
	DeclineCode   string                `json:"decline_code,omitempty"`
	NextAttemptAt *time.Time            `json:"next_attempt_at"`
	PaidAt        *time.Time            `json:"paid_at"`
	PaidOutside   bool                  `json:"paid_outside,omitempty"` // paid without Stripe
	Dropped       bool                  `json:"dropped,omitempty"`      // its amount no longer counts in the total
	Refunded      int64                 `json:"amount_refunded"`
	DisputeStatus billing.DisputeStatus `json:"dispute_status,omitempty"`
	PaymentIntent string                `json:"payment_intent"`
	Attempts      []Attempt             `json:"attempts"`
	// Incidents are the open incidents about the charge.
	Incidents []Incident `json:"incidents,omitempty"`
}

// Attempt is the JSON of an attempt. An attempt that the customer made at Stripe directly has
// no idempotency key.
type Attempt struct {
	Number         int               `json:"number"`
	Initiator      billing.Initiator `json:"initiator"`
	IdempotencyKey *string           `json:"idempotency_key"`
	Outcome        billing.Outcome   `json:"outcome"`
	Code           string            `json:"code,omitempty"`
	DeclineCode    *string           `json:"decline_code"`
	StripeCharge   string            `json:"stripe_charge,omitempty"`
	RequestID      string            `json:"request_id,omitempty"`
	CreatedAt      time.Time         `json:"created_at"`
	FinishedAt     *time.Time        `json:"finished_at"`
}

func newCharge(c billing.Charge, attempts []billing.Attempt) Charge {
	v := Charge{
		ID: c.ID, Sequence: c.Sequence, Amount: c.Amount, Currency: c.Currency, DueAt: orNull(c.DueAt), Status: c.Status,
		Reason: c.Reason, DeclineCode: c.DeclineCode, NextAttemptAt: orNull(c.NextAttemptAt), PaidAt: orNull(c.PaidAt),
		PaymentIntent: c.PaymentIntent, Refunded: c.AmountRefunded, PaidOutside: c.PaidOutside, Dropped: c.Dropped, DisputeStatus: c.DisputeStatus, Attempts: make([]Attempt, len(attempts)),
	}
	for i, a := range attempts {
		v.Attempts[i] = Attempt{
			Number: a.Number, Initiator: a.Initiator, IdempotencyKey: textOrNull(a.IdempotencyKey), Outcome: a.Outcome,
			Code: a.Failure.Code, DeclineCode: textOrNull(a.Failure.DeclineCode), StripeCharge: a.StripeCharge,
			RequestID: a.RequestID, CreatedAt: a.CreatedAt, FinishedAt: orNull(a.FinishedAt),
		}
	}
	return v
}
