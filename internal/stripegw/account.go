package stripegw

import (
	"context"

	"github.com/stripe/stripe-go/v76"
)

const accountPath = "/v1/account"

// wireAccount is what is read of an account.
type wireAccount struct{ header }

func (w *wireAccount) fault() string { return w.faultAs("account") }

// Account is the id of the account the key belongs to (acct_…). Errors: *billing.GatewayError; a restricted key may not
// be allowed to read it (GatewayUnauthorized).
func (g *Gateway) Account(ctx context.Context) (string, error) {
	var w wireAccount
	c := call{op: "get the account", path: accountPath, params: &stripe.AccountParams{}}
	if _, err := g.get(ctx, c, &w); err != nil {
		return "", err
	}
	return w.ID, nil
}
