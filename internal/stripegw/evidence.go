package stripegw

import (
	"context"
	"net/http"
	"strings"

	"github.com/stripe/stripe-go/v76"

	"tranche/internal/billing"
)

// evidence is what a call tells of whether Stripe is there: nil, errOutage or errNoEvidence.
// Whatever can be read shows that it is, declines and 429 included.
func evidence(ctx context.Context, a *answer, failed *billing.GatewayError) error {
	switch {
	case failed == nil:
		return nil
	case !a.whole && ctx.Err() != nil: // the caller hung up
		return errNoEvidence
	case !a.whole && !a.begun: // nothing was sent: the request itself is wrong
		return errNoEvidence
	case !a.whole:
		return errOutage
	case a.status >= http.StatusInternalServerError && a.replayed:
		// Stripe keeps a 500 under its key for a day, and repeats it long after it is well again.
		return errNoEvidence
	case a.status >= http.StatusInternalServerError:
		return errOutage
	case failed.Kind == billing.GatewayUnknown: // about this one object, perhaps
		return errNoEvidence
	}
	return nil
}

// throttled tells the limiter of a call that was turned away because there were too many. A global
// limit is common to both buckets. A locked object, or too many changes of one object, is no reason
// to slow others down. Source: docs.stripe.com/rate-limits, docs.stripe.com/error-codes.
func (g *Gateway) throttled(ctx context.Context, bucket billing.Bucket, a *answer, failed *billing.GatewayError) {
	if g.limiter == nil || failed == nil || failed.Kind != billing.GatewayLimited {
		return
	}
	if stripe.ErrorCode(failed.Failure.Code) == stripe.ErrorCodeLockTimeout || a.limitedBy == "resource-specific" {
		return
	}
	ctx = context.WithoutCancel(ctx) // the others are to know, even if this caller is being stopped
	if strings.HasPrefix(a.limitedBy, "global-") {
		g.limiter.Throttled(ctx, billing.ReadBucket)
		g.limiter.Throttled(ctx, billing.WriteBucket)
		return
	}
	g.limiter.Throttled(ctx, bucket)
}
