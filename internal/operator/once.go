package operator

import (
	"tranche/internal/billing"
)

// DoneError reports that a change was made before under the Idempotency-Key of this request.
// Nothing was done this time.
type DoneError struct{ Request billing.Request }

// Error does not repeat the key, which is the merchant's own text.
func (*DoneError) Error() string { return "a change was made under this Idempotency-Key before" }
