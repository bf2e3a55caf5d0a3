package stripesim

import (
	"net/url"
	"slices"
)

func accountRoutes() []route {
	const hooks = "/v1/webhook_endpoints"
	return []route{
		{method: get, pattern: "/v1/account", handle: (*Server).getAccount, params: expandOnly()},
		{method: get, pattern: "/v1/balance", handle: (*Server).getBalance, params: expandOnly()},
		{method: get, pattern: "/v1/events", handle: (*Server).listEvents,
			params: paged(params{"type": text(), "types": listOf(), "created": timeRange(), "delivery_success": boolean()})},
		{method: get, pattern: "/v1/events/*", handle: (*Server).getEvent, params: expandOnly()},
		{method: post, pattern: hooks, handle: (*Server).createEndpoint, params: params{
			"url": required(text()), "enabled_events": required(listOf()), "description": clearableText(), "metadata": metadataParam(),
			"api_version": text(), "connect": boolean(), "expand": listOf(),
		}},
		{method: get, pattern: hooks, handle: (*Server).listEndpoints, params: paged(nil)},
		{method: get, pattern: hooks + "/*", handle: (*Server).getEndpoint, params: expandOnly()},
		{method: post, pattern: hooks + "/*", handle: (*Server).updateEndpoint, params: params{
			"url": text(), "enabled_events": listOf(), "description": clearableText(), "metadata": metadataParam(), "disabled": boolean(),
			"expand": listOf(),
		}},
		{method: del, pattern: hooks + "/*", handle: (*Server).deleteEndpoint, params: params{}},
	}
}

func (s *Server) getAccount(*call) (any, *apiError) { return s.accountView(), nil }

func (s *Server) accountView() object {
	a := s.opts.Account
	return object{
		"id": a.ID, "object": "account", "business_type": nil, "charges_enabled": true, "country": a.Country,
		"capabilities": object{"card_payments": "active", "transfers": "active"}, "controller": object{"type": "account"},
		"created": int64(1700000000), "default_currency": a.DefaultCurrency, "details_submitted": true, "email": a.Email,
		"metadata": object{}, "payouts_enabled": true, "type": "standard",
		"settings": object{
			"branding":      object{"icon": nil, "logo": nil, "primary_color": nil, "secondary_color": nil},
			"card_payments": object{"statement_descriptor_prefix": nil, "statement_descriptor_prefix_kana": nil, "statement_descriptor_prefix_kanji": nil},
			"dashboard":     object{"display_name": orNull(a.DisplayName), "timezone": "Etc/UTC"},
			"payments":      object{"statement_descriptor": nil, "statement_descriptor_kana": nil, "statement_descriptor_kanji": nil},
		},
	}
}

func sortedKeys(sums map[string]int64, always string) []string {
	codes := []string{always}
	for code := range sums {
		if code != always {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	return codes
}

// newEndpoint adds a webhook endpoint; the caller holds the lock.
func (s *Server) newEndpoint(hook WebhookEndpoint) *endpoint {
	secret, events := hook.Secret, hook.EnabledEvents
	if secret == "" {
		secret = "whsec_" + s.random.text(32)
	}
	if len(events) == 0 {
		events = []string{"*"}
	}
	made := &endpoint{
		id: s.random.id("we_1"), created: s.now(), url: hook.URL, secret: secret, status: "enabled", events: slices.Clone(events),
		metadata: map[string]string{}, connect: hook.Connect,
	}
	s.state.endpoints.add(made.id, made)
	return made
}

func checkURL(c *call) *apiError {
	if !c.in.has("url") {
		return nil
	}
	parsed, err := url.Parse(c.in.str("url"))
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return invalid("url_invalid", "Invalid URL: An explicit scheme (such as https) must be provided.").on("url").notSaved()
	}
	return nil
}

func (s *Server) createEndpoint(c *call) (any, *apiError) {
	if err := checkURL(c); err != nil {
		return nil, err
	}
	if version := c.in.str("api_version"); version != "" && !wellFormedVersion(version) {
		return nil, invalid("", "Invalid Stripe API version: "+version).on("api_version").notSaved()
	}
	made := s.newEndpoint(WebhookEndpoint{URL: c.in.str("url"), EnabledEvents: c.in.items("enabled_events"), Connect: c.in.flag("connect")})
	made.description = c.in.str("description")
	made.metadata = mergeMetadata(nil, c.in)
	out := made.view()
	out["api_version"] = orNull(c.in.str("api_version"))
	out["secret"] = made.secret
	return out, nil
}

func (s *Server) pathEndpoint(c *call) (*endpoint, *apiError) {
	found, ok := s.state.endpoints.get(c.ids[0])
	if !ok {
		return nil, missing(404, "webhook endpoint", c.ids[0], "webhook_endpoint")
	}
	return found, nil
}

func (s *Server) getEndpoint(c *call) (any, *apiError) {
	found, err := s.pathEndpoint(c)
	if err != nil {
		return nil, err
	}
	return found.view(), nil
}

func (s *Server) listEndpoints(c *call) (any, *apiError) {
	return page(c, "webhook endpoint", s.state.endpoints.oldestFirst(), func(one *endpoint) string { return one.id }, (*endpoint).view)
}

func (s *Server) updateEndpoint(c *call) (any, *apiError) {
	found, err := s.pathEndpoint(c)
	if err != nil {
		return nil, err
	}
	if err := checkURL(c); err != nil {
		return nil, err
	}
	setText(&found.url, c.in, "url")
	setText(&found.description, c.in, "description")
	if c.in.has("enabled_events") {
		found.events = c.in.items("enabled_events")
	}
	if c.in.has("disabled") {
		found.status = map[bool]string{true: "disabled", false: "enabled"}[c.in.flag("disabled")]
	}
	found.metadata = mergeMetadata(found.metadata, c.in)
	return found.view(), nil
}

func (s *Server) deleteEndpoint(c *call) (any, *apiError) {
	found, err := s.pathEndpoint(c)
	if err != nil {
		return nil, err
	}
	found.status = "disabled"
	s.state.endpoints.remove(found.id)
	return object{"id": found.id, "object": "webhook_endpoint", "deleted": true}, nil
}
