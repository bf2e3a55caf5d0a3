package planning

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
)

const (
	// copyTries is how often a request is tried while a copy of it is in flight at Stripe.
	// copyPause is the first pause between tries; it doubles each time.
	copyTries = 6
	copyPause = 50 * time.Millisecond
)

// copyWait waits while a copy of a request is in flight at Stripe, for a second and a half at most:
// merchants' servers sometimes send the same request twice at once. The zero value is ready to use.
type copyWait struct {
	tries int // that met a copy
}

// again reports whether the request is to be tried again, because err says that a copy of it is in
// flight. It pauses before it returns true.
func (w *copyWait) again(ctx context.Context, err error) bool {
	var ge *billing.GatewayError
	if !errors.As(err, &ge) || ge.Kind != billing.GatewayInProgress {
		return false
	}
	pause := copyPause << w.tries
	w.tries++
	if w.tries == copyTries {
		return false
	}
	timer := time.NewTimer(pause)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		timer.Stop()
		return false
	}
}
