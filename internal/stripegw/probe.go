package stripegw

import (
	"context"
	"errors"
	"net/http"

	"github.com/stripe/stripe-go/v76"

	"tranche/internal/billing"
	"tranche/internal/stripekey"
)

// Probed is the result of a probe for a permission.
type Probed string

const (
	// ProbedGranted: the key has it.
	ProbedGranted Probed = "granted"
	// ProbedMissing: Stripe refused the key.
	ProbedMissing Probed = "missing"
	// ProbedUnknown: the response shows neither.
	ProbedUnknown Probed = "unknown"
)

// anything accepts any object of Stripe's.
type anything struct{ stripe.APIResource }

func (*anything) fault() string { return "" }

// Probe checks whether the key has a permission. It changes nothing: see stripekey.Probe. The error
// is the cause if the permission is missing or unknown.
func (g *Gateway) Probe(ctx context.Context, p stripekey.Permission) (Probed, error) {
	for _, one := range p.Probes {
		_, err := g.do(ctx, one.Method, call{op: "probe " + p.String(), path: one.Path, params: &stripe.Params{}}, &anything{})
		var ge *billing.GatewayError
		switch {
		case err == nil && one.Method == http.MethodGet:
		case !errors.As(err, &ge):
			return ProbedUnknown, err
		case ge.Permission != "":
			return ProbedMissing, err
		case ge.Failure.Code != string(stripe.ErrorCodeResourceMissing):
			return ProbedUnknown, err
		}
	}
	return ProbedGranted, nil
}
