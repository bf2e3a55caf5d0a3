package billing

import "time"

// Request remembers an Idempotency-Key that the merchant sent with a request of its own, and what
// it made.
type Request struct {
	Key         string // the Idempotency-Key header
	Fingerprint string // hash of the body: the same key with another body is refused
	PlanID      PlanID
	CreatedAt   time.Time
}
