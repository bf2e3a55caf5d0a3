package stripesim

import (
	_ "embed"
	"net/http"
)

//go:embed stripe.js
var stripeJS []byte

// serveStripeJS serves the stand-in for Stripe.js, so that payment pages run in
// a real browser without the network.
func serveStripeJS(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(stripeJS) // the client may be gone
}
