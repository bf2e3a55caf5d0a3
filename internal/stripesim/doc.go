// Package stripesim is a stateful Stripe in memory, at API version 2023-10-16: good enough to
// develop, test and demonstrate against. It keeps customers, cards, intents, charges, refunds,
// disputes and events; it follows Stripe's state machine, error bodies, idempotency and test cards;
// it signs, delivers and retries webhooks; and it injects faults on demand. It holds one test-mode
// account, and its connected accounts (Server.Connect, /_sim/connect), which a request addresses
// with the header Stripe-Account. It forgets everything when it ends.
//
// # Endpoints
//
//	POST GET        /v1/customers                         create (attaches), list by email, created
//	GET POST DELETE /v1/customers/{id}
//	GET             /v1/customers/{id}/payment_methods[/{id}]
//	POST GET        /v1/payment_methods                   create (pk), list by customer, type
//	GET POST        /v1/payment_methods/{id}
//	POST            /v1/payment_methods/{id}/attach | detach
//	POST GET        /v1/payment_intents                   create, list by customer, created
//	GET POST        /v1/payment_intents/{id}              retrieve (pk with client_secret), update
//	POST            /v1/payment_intents/{id}/confirm (pk) | cancel | capture
//	POST GET        /v1/setup_intents
//	GET POST        /v1/setup_intents/{id}                retrieve (pk with client_secret), update
//	POST            /v1/setup_intents/{id}/confirm (pk) | cancel
//	GET             /v1/charges[/{id}]                    list by customer, payment_intent, created
//	POST GET        /v1/refunds, GET POST /v1/refunds/{id}
//	GET             /v1/disputes[/{id}]
//	GET             /v1/events[/{id}]                     list by type(s), created, delivery_success
//	POST GET        /v1/webhook_endpoints, GET POST DELETE /v1/webhook_endpoints/{id}
//	GET             /v1/account, /v1/balance
//	GET             /v3/                                  a stand-in for Stripe.js
//
// "pk" marks the endpoints that a publishable key may call. Every list takes limit, starting_after,
// ending_before and expand[]; expand[] knows payment_method, latest_charge, customer, charge,
// payment_intent, balance_transaction, refunds and dispute of a charge, application_fee,
// on_behalf_of and invoice_settings.default_payment_method, with data. before it in lists. Events
// are listed for 30 days. Any well-formed Stripe-Version is accepted, and answered in the shapes of
// 2023-10-16.
//
// # Cards
//
// The numbers of https://stripe.com/docs/testing and their pm_card_... and
// tok_... names work; any other number is refused. A magic name makes a new
// PaymentMethod each time it is used. Off-session payments with the Indian cards of
// https://docs.stripe.com/india-recurring-payments are processing for 15 minutes on the simulated
// clock. A PaymentMethod without a customer is used up by a payment that does not save it, and by a
// decline. Metadata of a PaymentMethod steers it:
//
//	sim_decline_code            decline every charge with this code
//	sim_decline_initial         decline with this code until it has paid once, on-session
//	sim_decline_later           decline with this code off-session, or once it has paid
//	sim_decline_count           stop declining after so many declines
//	sim_no_charge               true: its declines come without a charge
//	sim_processing              off-session payments are processing for this long on the simulated
//	                            clock, such as 15m; 0 is until /_sim/end_processing
//	sim_advice_code, sim_network_advice_code, sim_network_decline_code
//	                            override these fields of its declines
//
// # Control surface
//
// It needs no key and is meant for scripts and tests.
//
//	GET    /_sim/state          everything, in Stripe's JSON
//	GET    /_sim/faults         the rules, and how often each action was injected
//	POST   /_sim/faults         add one FaultRule, or a list of them, as JSON
//	DELETE /_sim/faults         remove all rules
//	GET    /_sim/authenticate   the bank's page: ?payment_intent=pi_... or ?setup_intent=seti_...
//	POST   /_sim/authenticate   the same parameters and outcome=succeed|fail; answers with the
//	                            intent, or with redirect=1 redirects to its return_url
//	POST   /_sim/update_card    payment_method, exp_month, exp_year: the networks' account updater
//	POST   /_sim/fail_refund    refund: the bank refuses a refund that was accepted
//	POST   /_sim/end_processing payment_intent, decline_code: end what is processing, as declined
//	                            or, without a code, as paid
//	POST   /_sim/dispute        payment_intent, reason (fraudulent): open a dispute
//	POST   /_sim/fraud_warning  payment_intent: the card's issuer warns of fraud
//	POST   /_sim/connect        account: connect an account (acct_...) to the platform
//	POST   /_sim/drain          wait until no webhook delivery is pending
//
// A fault rule with the action processing makes any payment process for its delay; one with decline
// and no_charge refuses before a charge is created. The processing of a payment ends at the next
// request, or within a second without one.
//
// The URL in an intent's next_action is /_sim/authenticate. With account=acct_... a call concerns a
// connected account.
//
// # What differs from Stripe
//
// Card numbers are accepted with secret keys too. Which answers carry Stripe-Should-Retry: false is
// from recorded traffic: those that an idempotency key remembers, and declines. Searching,
// invoices, transfers, subscriptions and payment methods other than cards do not exist. The number
// of confirmations after which a PaymentIntent is canceled is not published; see
// Options.ConfirmLimit. Nor are the decline codes of the cards whose 3-D Secure fails: here
// 4000008400001280, which requires it, has generic_decline on-session and authentication_required
// off-session; 4000000000003097 has processing_error if 3-D Secure is requested, and pays
// otherwise.
package stripesim
