package billing

import (
	"errors"
	"strconv"
	"time"
)

// Request records an Idempotency-Key that the merchant sent with a request to Tranche, and the plan
// that it created.
type Request struct {
	Key         string // the Idempotency-Key header
	Fingerprint string // hash of the body: the same key with another body is refused
	PlanID      PlanID
	CreatedAt   time.Time
}

// maxKeys bounds how many keys one request is sent under.
const maxKeys = 4

// UnderKey makes a call that takes no money, under a key that is derived from the call's subject.
// If Stripe only replays the failure of an earlier request under the key, UnderKey repeats the call
// under the next key: key-2, key-3, key-4. The call must be harmless when it is carried out twice.
func UnderKey(key string, call func(key string) error) error {
	err := call(key)
	for n := 2; n <= maxKeys && finished(err); n++ {
		err = call(key + "-" + strconv.Itoa(n))
	}
	return err
}

func finished(err error) bool {
	var ge *GatewayError
	return errors.As(err, &ge) && ge.Finished()
}
