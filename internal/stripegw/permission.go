package stripegw

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/stripekey"
)

// codeNoAccess is Stripe's code for a connected account that the key may not act for, which is no
// matter of permissions.
const codeNoAccess = "account_invalid"

// refusedFor is how long a refusal counts that no later call confirmed or disproved. What waits for
// a permission is tried again far more often.
const refusedFor = time.Hour

// refusals remembers which permissions Stripe found missing, until a call that needs them succeeds.
type refusals struct {
	mu    sync.Mutex
	since map[refusal]time.Time // of the last one
}

// refusal is a permission in one direction. A restricted key has its own permissions for connected
// accounts.
type refusal struct {
	permission string
	access     stripekey.Access
	connected  bool
}

// text names the permission as Stripe's dashboard does.
func (r refusal) text() string {
	if r.connected {
		return r.permission + " (Connect)"
	}
	return r.permission
}

// notePermission names the permission that a call lacked in its error, and remembers it for
// Lacking.
func (g *Gateway) notePermission(ctx context.Context, bucket billing.Bucket, c call, failed *billing.GatewayError) {
	connected := billing.AccountOf(ctx) != ""
	if failed == nil {
		g.refused.forget(granted(bucket, c, connected)...)
		return
	}
	missing, ok := missingIn(bucket, c, failed)
	if !ok {
		return
	}
	missing.connected = connected
	failed.Permission = missing.text()
	g.refused.remember(missing, clock.Clock{}.Wall())
}

// granted lists what a successful call proves.
func granted(bucket billing.Bucket, c call, connected bool) []refusal {
	var proved []refusal
	if p, ok := stripekey.ForPath(c.path); ok {
		proved = append(proved, refusal{p.String(), stripekey.Read, connected})
		if bucket == billing.WriteBucket {
			proved = append(proved, refusal{p.String(), stripekey.Write, connected})
		}
	}
	if p, ok := stripekey.ForPath("/v1/charges"); ok && c.charge {
		proved = append(proved, refusal{p.String(), stripekey.Read, connected})
	}
	return proved
}

// missingIn finds the permission in Stripe's refusal, or by the path where the text names none.
func missingIn(bucket billing.Bucket, c call, failed *billing.GatewayError) (refusal, bool) {
	if failed.HTTPStatus != http.StatusForbidden || failed.Kind != billing.GatewayUnauthorized || failed.Failure.Code == codeNoAccess {
		return refusal{}, false
	}
	if p, access, ok := stripekey.ForRefusal(failed.Failure.Message); ok {
		return refusal{permission: p.String(), access: access}, true
	}
	p, ok := stripekey.ForPath(c.path)
	access := stripekey.Read
	if bucket == billing.WriteBucket {
		access = stripekey.Write
	}
	return refusal{permission: p.String(), access: access}, ok
}

func (r *refusals) remember(missing refusal, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since == nil {
		r.since = map[refusal]time.Time{}
	}
	r.since[missing] = at
}

func (r *refusals) forget(proved ...refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range proved {
		delete(r.since, one)
	}
}

// Lacking names the permissions that the key lacked in recent calls, as Stripe's dashboard names
// them.
func (g *Gateway) Lacking() []string {
	now := clock.Clock{}.Wall()
	g.refused.mu.Lock()
	defer g.refused.mu.Unlock()
	maps.DeleteFunc(g.refused.since, func(_ refusal, at time.Time) bool { return now.Sub(at) > refusedFor })
	names := map[string]bool{}
	for one := range g.refused.since {
		names[one.text()] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// Restricted reports whether the gateway's key is a restricted one.
func (g *Gateway) Restricted() bool { return strings.HasPrefix(g.key, "rk_") }
