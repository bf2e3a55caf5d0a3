package stripegw

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

// maxKey is the maximum length of an idempotency key at Stripe. Source:
// docs.stripe.com/api/idempotent_requests.
const maxKey = 255

// object is the JSON object of a response, limited to the fields that are read.
type object interface {
	stripe.LastResponseSetter
	// fault returns why the object can't be the requested one, or "".
	fault() string
}

// call is one request to Stripe.
type call struct {
	op     string // for errors, such as "confirm PaymentIntent pi_1"
	path   string
	params stripe.ParamsContainer // never nil: without it, stripe-go uses neither context nor key
	charge bool                   // the response also holds the latest charge, which is expanded
}

// post sends a request that changes something at Stripe, under an idempotency key.
func (g *Gateway) post(ctx context.Context, key string, c call, out object) (*answer, error) {
	if problem := keyProblem(key); problem != "" {
		return nil, refused(c.op, problem)
	}
	c.params.GetParams().IdempotencyKey = stripe.String(key)
	return g.do(ctx, http.MethodPost, c, out)
}

// get sends a request that only reads.
func (g *Gateway) get(ctx context.Context, c call, out object) (*answer, error) {
	return g.do(ctx, http.MethodGet, c, out)
}

func (g *Gateway) do(ctx context.Context, method string, c call, out object) (*answer, error) {
	return g.guarded(ctx, bucketOf(method), c, out, func(ctx context.Context) error {
		p := c.params.GetParams()
		p.Context, p.StripeAccount = ctx, actingFor(ctx)
		return g.backend.Call(method, c.path, g.key, c.params, out)
	})
}

// getPage fetches one page of a list; values is the query from stripe-go's iterator.
func (g *Gateway) getPage(ctx context.Context, c call, values *form.Values, out object) (*answer, error) {
	return g.guarded(ctx, billing.ReadBucket, c, out, func(ctx context.Context) error {
		return g.backend.CallRaw(http.MethodGet, c.path, g.key, values, &stripe.Params{Context: ctx, StripeAccount: actingFor(ctx)}, out)
	})
}

// actingFor returns the header Stripe-Account; nil for the platform's own account.
func actingFor(ctx context.Context) *string {
	if account := billing.AccountOf(ctx); account != "" {
		return &account
	}
	return nil
}

// guarded makes a call once the limiter and the breaker allow it, and reports the result to both.
func (g *Gateway) guarded(ctx context.Context, bucket billing.Bucket, c call, out object, send func(context.Context) error) (*answer, error) {
	p, err := g.permitFor(ctx, bucket, c.op)
	if err != nil {
		return nil, err
	}
	shown := errNoEvidence
	defer func() { p.done(shown) }()
	a := &answer{}
	begun := clock.Clock{}.Wall()
	failed := g.checked(c.op, a, send(withAnswer(ctx, a)), out)
	g.notePermission(ctx, bucket, c, failed)
	g.rejected.note(failed)
	g.observed(c.op, begun, failed)
	shown = evidence(ctx, a, failed)
	g.throttled(ctx, bucket, a, failed)
	if failed != nil {
		return nil, failed
	}
	return a, nil
}

// checked returns nil when the response holds the requested object.
func (g *Gateway) checked(op string, a *answer, err error, out object) *billing.GatewayError {
	if err != nil || !a.ok() {
		return g.failure(op, a, err)
	}
	if fault := out.fault(); fault != "" {
		return unreadable(op, a, fault)
	}
	return nil
}

// keyProblem returns what is wrong with an idempotency key, or "". A key that HTTP can't send would
// look like a broken connection, and be retried endlessly.
func keyProblem(key string) string {
	switch {
	case strings.TrimSpace(key) == "":
		return "no idempotency key"
	case len(key) > maxKey:
		return fmt.Sprintf("the idempotency key is longer than %d characters", maxKey)
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "the idempotency key contains characters other than printable ASCII"
	}
	return ""
}

// refused returns the error of a call that was not made because the request is wrong.
func refused(op, problem string) error {
	return &billing.GatewayError{Op: op, Kind: billing.GatewayRejected, Failure: billing.Failure{Message: problem}}
}

// wantID refuses an empty id: the path without it is the whole list's.
func wantID(op, what, id string) error {
	if id == "" {
		return refused(op, "no "+what+" id")
	}
	return nil
}
