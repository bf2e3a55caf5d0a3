package stripegw

import (
	"net/http"
	"sync/atomic"

	"tranche/internal/billing"
)

// rejection remembers how Stripe last rejected the key itself (401), until a call succeeds. A key
// that lacks a permission is another matter: see refusals.
type rejection struct{ last atomic.Pointer[string] }

// note takes the result of a call. Only a call that succeeds proves that Stripe accepts the key.
func (r *rejection) note(failed *billing.GatewayError) {
	switch {
	case failed == nil:
		r.last.Store(nil)
	case failed.HTTPStatus == http.StatusUnauthorized && failed.Kind == billing.GatewayUnauthorized:
		text := failed.Error()
		r.last.Store(&text)
	}
}

// Unauthorized returns the error of the last call for which Stripe rejected the key (401). It is
// empty if a later call succeeded, or if there was none.
func (g *Gateway) Unauthorized() string {
	if last := g.rejected.last.Load(); last != nil {
		return *last
	}
	return ""
}
