package stripegw

import (
	"net/http"
	"sync/atomic"

	"tranche/internal/billing"
)

// rejection records how Stripe last rejected the key itself (401), until a call succeeds. For a key
// that lacks a permission, see refusals.
type rejection struct{ last atomic.Pointer[string] }

// note records the result of a call. Only a successful call proves that Stripe accepts the key.
func (r *rejection) note(failed *billing.GatewayError) {
	switch {
	case failed == nil:
		r.last.Store(nil)
	case failed.HTTPStatus == http.StatusUnauthorized && failed.Kind == billing.GatewayUnauthorized:
		text := failed.Error()
		r.last.Store(&text)
	}
}

// Unauthorized returns the error of the last call that Stripe rejected because of the key (401). It
// is empty if a later call succeeded, or if there was no such call.
func (g *Gateway) Unauthorized() string {
	if last := g.rejected.last.Load(); last != nil {
		return *last
	}
	return ""
}
