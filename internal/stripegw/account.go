package stripegw

import (
	"context"
	"errors"
	"net/http"
	"regexp"

	"github.com/stripe/stripe-go/v76"

	"tranche/internal/billing"
)

const accountPath = "/v1/account"

// wireAccount holds the fields that are read of an account.
type wireAccount struct{ header }

func (w *wireAccount) fault() string { return w.faultAs("account") }

// onAccount finds the account id in Stripe's text when it refuses a call of a restricted key.
// Nothing else of that text is used.
var onAccount = regexp.MustCompile(`\bon account '(acct_[0-9A-Za-z]+)'`)

// Account returns the id of the account that the key belongs to (acct_…). For a restricted key that
// may not read its account, the refusal contains the id. Errors: *billing.GatewayError, with
// HTTPStatus 403 when the refusal names no account.
func (g *Gateway) Account(ctx context.Context) (string, error) {
	var w wireAccount
	c := call{op: "get the account", path: accountPath, params: &stripe.AccountParams{}}
	if _, err := g.get(ctx, c, &w); err != nil {
		if id := refusedOn(err); id != "" {
			return id, nil
		}
		return "", err
	}
	return w.ID, nil
}

// refusedOn returns the account named in a refusal; empty when the refusal names none.
func refusedOn(err error) string {
	var ge *billing.GatewayError
	if !errors.As(err, &ge) || ge.HTTPStatus != http.StatusForbidden {
		return ""
	}
	if found := onAccount.FindStringSubmatch(ge.Failure.Message); found != nil {
		return found[1]
	}
	return ""
}
