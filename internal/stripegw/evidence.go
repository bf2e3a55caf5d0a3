package stripegw

import (
	"context"
	"net/http"
	"strings"

	"github.com/stripe/stripe-go/v76"

	"tranche/internal/billing"
)

// evidence returns what a call shows about Stripe's availability: nil, errOutage or errNoEvidence.
// Every readable response shows that Stripe is up, including declines and 429.
func evidence(ctx context.Context, a *answer, failed *billing.GatewayError) error {
	switch {
	case failed == nil:
		return nil
	case !a.whole && ctx.Err() != nil: // the caller canceled the call
		return errNoEvidence
	case !a.whole && !a.begun: // nothing was sent: the request itself is wrong
		return errNoEvidence
	case !a.whole:
		return errOutage
	case a.status >= http.StatusInternalServerError && a.replayed:
		// Stripe stores a 500 under its key for a day, and replays it long after it has recovered.
		return errNoEvidence
	case a.status >= http.StatusInternalServerError:
		return errOutage
	case failed.Kind == billing.GatewayUnknown: // perhaps only this object is affected
		return errNoEvidence
	}
	return nil
}

// throttled reports a call that Stripe rejected because of a rate limit to the limiter. A global
// limit applies to both buckets. A locked object, or too many changes of one object, is no reason
// to slow down other calls. Source: docs.stripe.com/rate-limits, docs.stripe.com/error-codes.
func (g *Gateway) throttled(ctx context.Context, bucket billing.Bucket, a *answer, failed *billing.GatewayError) {
	if g.limiter == nil || failed == nil || failed.Kind != billing.GatewayLimited {
		return
	}
	if stripe.ErrorCode(failed.Failure.Code) == stripe.ErrorCodeLockTimeout || a.limitedBy == "resource-specific" {
		return
	}
	ctx = context.WithoutCancel(ctx) // other processes must learn of it, even if this caller is canceled
	if strings.HasPrefix(a.limitedBy, "global-") {
		g.limiter.Throttled(ctx, billing.ReadBucket)
		g.limiter.Throttled(ctx, billing.WriteBucket)
		return
	}
	g.limiter.Throttled(ctx, bucket)
}
