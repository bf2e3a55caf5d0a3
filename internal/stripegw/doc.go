// Package stripegw is Stripe behind billing.Gateway, and the only production package that imports
// stripe-go.
//
// It does three things: it makes the calls (one HTTP request each: no retries, no telemetry, no
// process-wide settings), it turns every failure into a *billing.GatewayError, and it verifies and
// reads webhooks.
//
// Nothing of stripe-go gets out. Its errors print the PaymentIntent's client secret and the
// customer's e-mail address, so they end here.
//
// Requests are built and sent by stripe-go; answers are decoded into the few fields Tranche reads.
// stripe-go v76 has no fields for advice_code and the network codes, and refuses a whole object for
// one field of another shape.
package stripegw
