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

// codeNoAccess is Stripe's code for a connected account that the key has no access to. It does not
// mean a missing permission.
const codeNoAccess = "account_invalid"

// refusedFor is how long a refusal counts if no later call confirms or disproves it. Work that
// waits for a permission is tried much more often.
const refusedFor = time.Hour

// refusals records the missing permissions that Stripe reported, until a call that needs them
// succeeds.
type refusals struct {
	mu    sync.Mutex
	since map[refusal]time.Time // time of the last refusal
}

// refusal is a missing permission to read or to write. A restricted key has separate permissions
// for connected accounts.
type refusal struct {
	permission string
	access     stripekey.Access
	connected  bool
}

// text returns the permission's name in Stripe's dashboard.
func (r refusal) text() string {
	if r.connected {
		return r.permission + " (Connect)"
	}
	return r.permission
}

// notePermission adds the missing permission to the error of a call, and records it for Lacking.
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

// granted lists the permissions that a successful call proves.
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

// missingIn returns the permission named in Stripe's refusal, or the one for the path if the text
// names none.
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

// Lacking returns the permissions that recent calls lacked, by their names in Stripe's dashboard.
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

// Restricted reports whether the gateway's key is a restricted key.
func (g *Gateway) Restricted() bool { return strings.HasPrefix(g.key, "rk_") }
