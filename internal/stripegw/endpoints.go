package stripegw

import (
	"context"
	"strconv"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"
)

const endpointsPath = "/v1/webhook_endpoints"

// WebhookEndpoint is where Stripe sends events.
type WebhookEndpoint struct {
	URL     string
	Enabled bool
	Types   []string // of events; "*" is all
	Connect bool     // it is sent what happens in connected accounts, and not what happens in the platform's own
}

// wireEndpoints is the list of endpoints, as far as it is read.
type wireEndpoints struct {
	stripe.APIResource
	Object string `json:"object"`
	Data   []struct {
		URL           string   `json:"url"`
		Status        string   `json:"status"`
		EnabledEvents []string `json:"enabled_events"`
		Application   *string  `json:"application"` // ca_…, of one that listens to connected accounts
	} `json:"data"`
}

func (l *wireEndpoints) fault() string {
	if l.Object != "" && l.Object != "list" || l.Data == nil {
		return "the answer is not a list"
	}
	return ""
}

// WebhookEndpoints lists the first hundred endpoints of the account; Stripe allows 16. Errors:
// *billing.GatewayError; a restricted key may not be allowed to ask (GatewayUnauthorized).
func (g *Gateway) WebhookEndpoints(ctx context.Context) ([]WebhookEndpoint, error) {
	var list wireEndpoints
	query := &form.Values{}
	query.Add("limit", strconv.Itoa(pageSize))
	if _, err := g.getPage(ctx, call{op: "list webhook endpoints", path: endpointsPath}, query, &list); err != nil {
		return nil, err
	}
	endpoints := make([]WebhookEndpoint, len(list.Data))
	for i, e := range list.Data {
		endpoints[i] = WebhookEndpoint{URL: e.URL, Enabled: e.Status == "enabled", Types: e.EnabledEvents, Connect: e.Application != nil}
	}
	return endpoints, nil
}
