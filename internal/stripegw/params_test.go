package stripegw_test

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripegw"
)

const (
	anyIntent   = `{"id":"pi_1","object":"payment_intent","status":"requires_payment_method"}`
	anyMethod   = `{"id":"pm_1","object":"payment_method","type":"card"}`
	anyCustomer = `{"id":"cus_1","object":"customer"}`
)

// TestParameters pins down the exact parameters of each call, because Stripe compares the
// parameters of a repeated key.
func TestParameters(t *testing.T) {
	t.Parallel()
	checkout := billing.PaymentParams{
		Amount: 33400, Currency: "usd", Customer: "cus_1", SaveCard: true, Description: "order-1042: 1 of 3",
		Metadata: map[string]string{"tranche_charge": "chg_1", "tranche_attempt": "att_1"},
	}
	offSession := billing.PaymentParams{
		Amount: 33300, Currency: "jpy", Customer: "cus_1", PaymentMethod: "pm_1", OffSession: true,
		Metadata: map[string]string{"tranche_charge": "chg_2"},
	}
	tests := []struct {
		name, method, path, params, body string
		call                             func(context.Context, *stripegw.Gateway) error
	}{
		{
			"create for the checkout", "POST", "/v1/payment_intents",
			"amount=33400&currency=usd&customer=cus_1&description=order-1042%3A+1+of+3&metadata%5Btranche_attempt%5D=att_1" +
				"&metadata%5Btranche_charge%5D=chg_1&payment_method_types%5B0%5D=card&setup_future_usage=off_session",
			anyIntent,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.CreatePaymentIntent(ctx, "key_1", checkout)
				return err
			},
		},
		{
			"create off-session", "POST", "/v1/payment_intents",
			"amount=33300&confirm=true&currency=jpy&customer=cus_1&metadata%5Btranche_charge%5D=chg_2&off_session=true" +
				"&payment_method=pm_1&payment_method_types%5B0%5D=card",
			anyIntent,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.CreatePaymentIntent(ctx, "key_1", offSession)
				return err
			},
		},
		{
			"create for a connected account", "POST", "/v1/payment_intents",
			"amount=25000&application_fee_amount=625&currency=eur&on_behalf_of=acct_1&payment_method_types%5B0%5D=card&transfer_data%5Bdestination%5D=acct_1",
			anyIntent,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.CreatePaymentIntent(ctx, "key_1", billing.PaymentParams{Amount: 25000, Currency: "eur"}.Connected(billing.Connect{
					TransferDestination: "acct_1", OnBehalfOf: "acct_1", ApplicationFeePercent: "2.5",
				}))
				return err
			},
		},
		{
			"create with a part transferred", "POST", "/v1/payment_intents",
			"amount=25000&currency=eur&payment_method_types%5B0%5D=card&transfer_data%5Bamount%5D=20000&transfer_data%5Bdestination%5D=acct_1",
			anyIntent,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.CreatePaymentIntent(ctx, "key_1", billing.PaymentParams{Amount: 25000, Currency: "eur"}.Connected(billing.Connect{
					TransferDestination: "acct_1", TransferAmount: 20000,
				}))
				return err
			},
		},
		{
			"refund of what was transferred", "POST", "/v1/refunds", "payment_intent=pi_1&refund_application_fee=true&reverse_transfer=true",
			`{"id":"re_1","object":"refund","status":"succeeded","amount":5}`,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.CreateRefund(ctx, "key_1", billing.RefundParams{PaymentIntent: "pi_1", ReverseTransfer: true, RefundFee: true})
				return err
			},
		},
		{
			"confirm", "POST", "/v1/payment_intents/pi_1/confirm", "off_session=true&payment_method=pm_1", anyIntent,
			func(ctx context.Context, g *stripegw.Gateway) error {
				p := offSession
				p.PaymentIntent = "pi_1"
				_, err := g.ConfirmPaymentIntent(ctx, "key_1", p)
				return err
			},
		},
		{
			"confirm and take the set-up away", "POST", "/v1/payment_intents/pi_1/confirm",
			"off_session=true&payment_method=pm_1&setup_future_usage=", anyIntent,
			func(ctx context.Context, g *stripegw.Gateway) error {
				p := offSession
				p.PaymentIntent, p.ClearSetup = "pi_1", true
				_, err := g.ConfirmPaymentIntent(ctx, "key_1", p)
				return err
			},
		},
		{
			"cancel", "POST", "/v1/payment_intents/pi_1/cancel", "", anyIntent,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.CancelPaymentIntent(ctx, "key_1", "pi_1")
				return err
			},
		},
		{
			"cancel a set-up", "POST", "/v1/setup_intents/seti_1/cancel", "", `{"id":"seti_1","object":"setup_intent","status":"canceled"}`,
			func(ctx context.Context, g *stripegw.Gateway) error {
				si, err := g.CancelSetupIntent(ctx, "key_1", "seti_1")
				require.Equal(t, billing.IntentCanceled, si.Status)
				return err
			},
		},
		{
			"refund", "POST", "/v1/refunds", "metadata%5Btranche_refund%5D=rfd_1&payment_intent=pi_1",
			`{"id":"re_1","object":"refund","status":"succeeded","amount":700}`,
			func(ctx context.Context, g *stripegw.Gateway) error {
				made, err := g.CreateRefund(ctx, "key_1", billing.RefundParams{PaymentIntent: "pi_1", Metadata: map[string]string{"tranche_refund": "rfd_1"}})
				require.Equal(t, billing.StripeRefund{ID: "re_1", Status: "succeeded", Amount: 700}, made)
				return err
			},
		},
		{
			"get", "GET", "/v1/payment_intents/pi_1", "", anyIntent,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.PaymentIntent(ctx, "pi_1")
				return err
			},
		},
		{
			"an id cannot leave its place in the path", "GET", "/v1/payment_intents/..%2Fcustomers%3Fx", "", anyIntent,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.PaymentIntent(ctx, "../customers?x")
				return err
			},
		},
		{
			"find", "GET", "/v1/payment_intents", "created%5Bgte%5D=1767225600&customer=cus_1&limit=100",
			`{"object":"list","data":[` + anyIntent + `],"has_more":false}`,
			func(ctx context.Context, g *stripegw.Gateway) error {
				all := func(billing.PaymentIntent) bool { return true }
				_, err := g.FindPaymentIntent(ctx, "cus_1", time.Unix(1767225600, 0), all)
				return err
			},
		},
		{
			"setup intent", "GET", "/v1/setup_intents/seti_1", "", `{"id":"seti_1","object":"setup_intent","status":"succeeded"}`,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.SetupIntent(ctx, "seti_1")
				return err
			},
		},
		{
			"payment method", "GET", "/v1/payment_methods/pm_1", "", anyMethod,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.PaymentMethod(ctx, "pm_1")
				return err
			},
		},
		{
			"attach", "POST", "/v1/payment_methods/pm_1/attach", "customer=cus_1", anyMethod,
			func(ctx context.Context, g *stripegw.Gateway) error {
				_, err := g.AttachPaymentMethod(ctx, "key_1", "pm_1", "cus_1")
				return err
			},
		},
		{
			"create customer", "POST", "/v1/customers",
			"email=ada%40example.com&metadata%5Btranche_customer%5D=cust_1&name=Ada&payment_method=pm_1", anyCustomer,
			func(ctx context.Context, g *stripegw.Gateway) error {
				id, err := g.CreateCustomer(ctx, "key_1", billing.CustomerParams{
					PaymentMethod: "pm_1", Email: "ada@example.com", Name: "Ada",
					Metadata: map[string]string{"tranche_customer": "cust_1"},
				})
				require.Equal(t, "cus_1", id)
				return err
			},
		},
		{
			"update customer, name removed", "POST", "/v1/customers/cus_1", "email=ada%40example.com&name=", anyCustomer,
			func(ctx context.Context, g *stripegw.Gateway) error {
				return g.UpdateCustomer(ctx, "key_1", "cus_1", billing.CustomerParams{Email: "ada@example.com"})
			},
		},
		{
			"customer exists", "GET", "/v1/customers/cus_1", "", anyCustomer,
			func(ctx context.Context, g *stripegw.Gateway) error {
				exists, err := g.CustomerExists(ctx, "cus_1")
				require.True(t, exists)
				return err
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, stripe := answering(t, ok(tt.body))
			require.NoError(t, tt.call(t.Context(), g))
			r := stripe.only(t)
			require.Equal(t, tt.method, r.method)
			require.Equal(t, tt.path, r.path)
			sent, key := r.query, ""
			if tt.method == "POST" {
				sent, key = r.form, "key_1"
			}
			want, err := url.ParseQuery(tt.params)
			require.NoError(t, err)
			require.Equal(t, want.Encode(), sent.Encode())
			require.Equal(t, key, r.header.Get("Idempotency-Key"))
			require.Equal(t, "Bearer "+testKey, r.header.Get("Authorization"))
			require.Equal(t, "2023-10-16", r.header.Get("Stripe-Version"))
			require.Empty(t, r.header.Get("X-Stripe-Client-Telemetry"))
		})
	}
}

// TestKeyNeeded sends nothing without a usable idempotency key.
func TestKeyNeeded(t *testing.T) {
	t.Parallel()
	g, stripe := answering(t, ok(anyIntent))
	for _, key := range []string{"", " \t", strings.Repeat("k", 256), "a\nb", "a b", "é"} {
		calls := []func() error{
			func() error { _, err := g.CreatePaymentIntent(t.Context(), key, billing.PaymentParams{}); return err },
			func() error {
				_, err := g.ConfirmPaymentIntent(t.Context(), key, billing.PaymentParams{PaymentIntent: "pi_1"})
				return err
			},
			func() error { _, err := g.CancelPaymentIntent(t.Context(), key, "pi_1"); return err },
			func() error { _, err := g.AttachPaymentMethod(t.Context(), key, "pm_1", "cus_1"); return err },
			func() error { _, err := g.CreateCustomer(t.Context(), key, billing.CustomerParams{}); return err },
			func() error { _, err := g.CreateSetupIntent(t.Context(), key, billing.SetupParams{}); return err },
			func() error { _, err := g.CancelSetupIntent(t.Context(), key, "seti_1"); return err },
			func() error { return g.DetachPaymentMethod(t.Context(), key, "pm_1") },
			func() error { return g.UpdateCustomer(t.Context(), key, "cus_1", billing.CustomerParams{}) },
		}
		for _, call := range calls {
			require.Equal(t, billing.GatewayRejected, gatewayError(t, call()).Kind)
		}
	}
	require.Empty(t, stripe.requests)
}

// TestIDNeeded sends nothing without an id, because the path would be the list's.
func TestIDNeeded(t *testing.T) {
	t.Parallel()
	g, stripe := answering(t, ok(anyIntent))
	ctx := t.Context()
	all := func(billing.PaymentIntent) bool { return true }
	calls := []func() error{
		func() error { _, err := g.ConfirmPaymentIntent(ctx, "k", billing.PaymentParams{}); return err },
		func() error { _, err := g.CancelPaymentIntent(ctx, "k", ""); return err },
		func() error { _, err := g.PaymentIntent(ctx, ""); return err },
		func() error { _, err := g.FindPaymentIntent(ctx, "", time.Time{}, all); return err },
		func() error { _, err := g.SetupIntent(ctx, ""); return err },
		func() error { _, err := g.CancelSetupIntent(ctx, "k", ""); return err },
		func() error { _, err := g.PaymentMethod(ctx, ""); return err },
		func() error { _, err := g.AttachPaymentMethod(ctx, "k", "", "cus_1"); return err },
		func() error { _, err := g.CustomerExists(ctx, ""); return err },
		func() error { return g.UpdateCustomer(ctx, "k", "", billing.CustomerParams{}) },
	}
	for _, call := range calls {
		require.Equal(t, billing.GatewayRejected, gatewayError(t, call()).Kind)
	}
	require.Empty(t, stripe.requests)
}

// TestReplayed reads a response from Stripe's idempotency store like any other.
func TestReplayed(t *testing.T) {
	t.Parallel()
	g, _ := answering(t, answer{
		status: 200, body: golden(t, "payment_intent_succeeded.json"),
		header: map[string]string{"Idempotent-Replayed": "true", "Original-Request": "req_first"},
	})
	p, err := g.CreatePaymentIntent(t.Context(), "att_1", billing.PaymentParams{Amount: 33400, Currency: "usd"})
	require.NoError(t, err)
	require.Equal(t, billing.PaymentIntent{
		ID: "pi_3Succeeded", Status: billing.IntentSucceeded, Amount: 33400, AmountReceived: 33400, Currency: "usd",
		Customer: "cus_Q1", PaymentMethod: "pm_1Card", ReceiptEmail: "ada@example.com",
		ClientSecret: "pi_3Succeeded_secret_abcdefghijklmnopqrstuvwxy", LatestCharge: "ch_3Succeeded", SetupFutureUsage: "off_session",
		Metadata:  map[string]string{"tranche_charge": "chg_1", "tranche_attempt": "att_1"},
		CreatedAt: time.Unix(1767225600, 0).UTC(), RequestID: "req_test1",
	}, p)
}

// TestOtherVersion reads an object with expanded references, unknown fields and fields of another
// shape.
func TestOtherVersion(t *testing.T) {
	t.Parallel()
	g, _ := answering(t, ok(golden(t, "payment_intent_newer_version.json")))
	p, err := g.PaymentIntent(t.Context(), "pi_3Newer")
	require.NoError(t, err)
	require.Equal(t, billing.PaymentIntent{
		ID: "pi_3Newer", Status: billing.IntentRequiresPaymentMethod, Amount: 1999, Currency: "jpy", Customer: "cus_Q1",
		LatestCharge: "ch_3Newer", Metadata: map[string]string{}, CreatedAt: time.Unix(1767225600, 0).UTC(), Livemode: true,
		LastError: &billing.Failure{
			Code: "card_declined", DeclineCode: "insufficient_funds", AdviceCode: "try_again_later",
			NetworkAdviceCode: "02", NetworkDeclineCode: "51", Message: "Your card has insufficient funds.",
		},
		LastErrorPaymentMethod: "pm_1Card", RequestID: "req_test1",
	}, p)
}

// TestReferences reads a reference as an id, as the whole object or as null, and ignores other
// values.
func TestReferences(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		`"cus_1"`: "cus_1", `{"id":"cus_1","object":"customer"}`: "cus_1", `null`: "", `17`: "", `true`: "", `[]`: "", `{}`: "",
	} {
		g, _ := answering(t, ok(`{"id":"pi_1","object":"payment_intent","status":"succeeded","customer":`+sent+`}`))
		p, err := g.PaymentIntent(t.Context(), "pi_1")
		require.NoError(t, err, sent)
		require.Equal(t, want, p.Customer, sent)
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	g, _ := answering(t,
		ok(`{"id":"pm_1","object":"payment_method","type":"card","customer":"cus_1","card":{"brand":"visa","last4":"4242",
			"exp_month":4,"exp_year":2031,"fingerprint":"fp1"},"billing_details":{"email":"ada@example.com","name":"Ada","address":{}}}`),
		ok(`{"id":"pm_2","object":"payment_method","type":"sepa_debit","card":null,"customer":null}`),
		ok(`{"id":"seti_1","object":"setup_intent","status":"succeeded","customer":"cus_1","payment_method":"pm_1","metadata":{"a":"b"}}`))
	m, err := g.PaymentMethod(t.Context(), "pm_1")
	require.NoError(t, err)
	require.Equal(t, billing.PaymentMethod{
		ID: "pm_1", Type: "card", Customer: "cus_1", Brand: "visa", Last4: "4242", ExpMonth: 4, ExpYear: 2031,
		Fingerprint: "fp1", Email: "ada@example.com", Name: "Ada",
	}, m)
	m, err = g.PaymentMethod(t.Context(), "pm_2")
	require.NoError(t, err)
	require.Equal(t, billing.PaymentMethod{ID: "pm_2", Type: "sepa_debit"}, m)
	s, err := g.SetupIntent(t.Context(), "seti_1")
	require.NoError(t, err)
	require.Equal(t, billing.SetupIntent{
		ID: "seti_1", Status: billing.IntentSucceeded, Customer: "cus_1", PaymentMethod: "pm_1",
		Metadata: map[string]string{"a": "b"},
	}, s)
}

func TestCustomerExists(t *testing.T) {
	t.Parallel()
	g, _ := answering(t,
		ok(`{"id":"cus_1","object":"customer","deleted":true}`),
		answer{status: 404, body: errorBody("invalid_request_error", "resource_missing")},
		answer{status: 404, body: "<html>"},
		answer{status: 401, body: errorBody("invalid_request_error", "")})
	for range 2 {
		exists, err := g.CustomerExists(t.Context(), "cus_1")
		require.NoError(t, err)
		require.False(t, exists)
	}
	_, err := g.CustomerExists(t.Context(), "cus_1")
	require.Equal(t, billing.GatewayUnknown, gatewayError(t, err).Kind, "a proxy's page says nothing")
	_, err = g.CustomerExists(t.Context(), "cus_1")
	require.Equal(t, billing.GatewayUnauthorized, gatewayError(t, err).Kind)
}

// TestAttachDecline attaches a card that is declined: the error contains no PaymentIntent.
func TestAttachDecline(t *testing.T) {
	t.Parallel()
	g, _ := answering(t, answer{status: 402, body: errorBody("card_error", "card_declined")})
	_, err := g.AttachPaymentMethod(t.Context(), "k", "pm_1", "cus_1")
	e := gatewayError(t, err)
	require.Equal(t, billing.GatewayDeclined, e.Kind)
	require.Nil(t, e.PaymentIntent)
	_, err = json.Marshal(e)
	require.NoError(t, err)
}
