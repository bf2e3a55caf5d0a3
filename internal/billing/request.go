package billing

import "time"

// Request records an Idempotency-Key that the merchant sent with a request to Tranche, and the plan
// that it created.
type Request struct {
	Key         string // the Idempotency-Key header
	Fingerprint string // hash of the body: the same key with another body is refused
	PlanID      PlanID
	CreatedAt   time.Time
}
