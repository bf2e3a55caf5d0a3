package stripegw

import (
	"context"
	"strconv"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"
)

const endpointsPath = "/v1/webhook_endpoints"

// WebhookEndpoint is a destination of Stripe's events.
type WebhookEndpoint struct {
	URL     string
	Enabled bool
	Types   []string // of events; "*" means all
	Connect bool     // it receives the events of connected accounts instead of the platform's own
}

// wireEndpoints holds the fields that are read of the list of endpoints.
type wireEndpoints struct {
	stripe.APIResource
	Object string `json:"object"`
	Data   []struct {
		URL           string   `json:"url"`
		Status        string   `json:"status"`
		EnabledEvents []string `json:"enabled_events"`
		Application   *string  `json:"application"` // ca_…; set for an endpoint of connected accounts
	} `json:"data"`
}

func (l *wireEndpoints) fault() string {
	if l.Object != "" && l.Object != "list" || l.Data == nil {
		return "the answer is not a list"
	}
	return ""
}

// WebhookEndpoints lists the first hundred endpoints of the account; Stripe allows 16. Errors:
// *billing.GatewayError, with GatewayUnauthorized when a restricted key may not list them.
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
