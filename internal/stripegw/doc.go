// Package stripegw implements billing.Gateway with Stripe. It is the only production package that
// imports stripe-go.
//
// It does three things: it makes the calls (one HTTP request each: no retries, no telemetry, no
// process-wide settings), it turns every failure into a *billing.GatewayError, and it verifies and
// parses webhooks.
//
// No type or error of stripe-go leaves this package, because its errors print the PaymentIntent's
// client secret and the customer's e-mail address.
//
// stripe-go builds and sends the requests; the package decodes the responses itself, into the few
// fields that Tranche reads. stripe-go v76 has no fields for advice_code and the network codes, and
// rejects a whole object if one field has an unexpected shape.
package stripegw
