//go:build !race

package handlers_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/export"
	"tranche/internal/stripeevents"
	"tranche/internal/testenv"
)

// hostileInput is one request.
type hostileInput struct {
	method string
	path   []string // by segment, not escaped yet
	query  string
	header http.Header
	body   string
	sign   bool // as Stripe signs
}

// String shows a request in a failure, shortened.
func (in hostileInput) String() string {
	return fmt.Sprintf("%s /%.300s?%.300s\n%.600q\n%.3000s", in.method, strings.Join(in.path, "/"), in.query, in.header, in.body)
}

// hostileSource makes requests. The same seed and the same twins make the same requests.
type hostileSource struct {
	rng     *rand.Rand
	twins   *hostileTwins
	routes  []string // patterns, in order
	params  map[string][]string
	bodies  map[string][]string
	fields  map[string][]bodyField
	objects map[string]string
	texts   []string
	values  []string
	stripe  []string // ids of Stripe's that are known
	made    int
}

func newHostileSource(seed uint64, tw *hostileTwins) *hostileSource {
	s := &hostileSource{
		rng: rand.New(rand.NewPCG(seed, 11)), twins: tw, params: tw.worlds[0].handler.Routes(), bodies: hostileBodies(), objects: hostileEvents(),
		texts: testenv.HostileTexts(), values: testenv.HostileValues(),
	}
	for pattern := range s.params {
		s.routes = append(s.routes, pattern)
	}
	slices.Sort(s.routes)
	return s
}

// oneIn reports true once in n times.
func (s *hostileSource) oneIn(n int) bool { return s.rng.IntN(n) == 0 }

func pick[T any](s *hostileSource, of []T) T { return of[s.rng.IntN(len(of))] }

// next makes a request.
func (s *hostileSource) next() hostileInput {
	s.made++
	switch n := s.rng.IntN(100); {
	case n < 72:
		return s.api()
	case n < 88:
		return s.webhook()
	default:
		return s.page()
	}
}

// to makes a request of a route. segment returns what stands for a part in braces, such as {id}.
func (s *hostileSource) to(pattern string, segment func(resource, part string) string) hostileInput {
	method, path, _ := strings.Cut(pattern, " ")
	in := hostileInput{method: method, path: strings.Split(strings.TrimPrefix(path, "/"), "/"), header: plainHeader()}
	resource := in.path[1]
	for i, part := range in.path {
		if strings.HasPrefix(part, "{") {
			in.path[i] = segment(resource, part)
		}
	}
	return in
}

// api makes a request of one of the routes below /v1.
func (s *hostileSource) api() hostileInput {
	pattern := pick(s, s.routes)
	if strings.HasSuffix(pattern, "/forecast") && !s.oneIn(10) {
		pattern = pick(s, s.routes) // a forecast simulates months
	}
	in := s.to(pattern, s.segment)
	method := in.method
	if s.oneIn(50) {
		in.method = pick(s, []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"})
	}
	in.query = s.query(s.params[pattern])
	if method != http.MethodGet {
		in.body = s.body(s.withField(pattern, pick(s, append(s.bodies[pattern], "{}"))))
	}
	s.headers(in.header)
	return in
}

// withField gives one of the route's fields a hostile value, now and then.
func (s *hostileSource) withField(pattern, body string) string {
	if len(s.fields[pattern]) == 0 || !s.oneIn(3) {
		return body
	}
	return pick(s, s.fields[pattern]).in(s.twins.t, cmp.Or(body, "{}"), pick(s, s.values))
}

// prefixes are the prefixes of ids, by the resource that precedes the id in a path.
func hostilePrefix(resource string) string {
	return map[string]string{
		"plans": "plan", "charges": "chg", "customers": "cust", "cards": "card", "webhook_endpoints": "ep", "webhook_deliveries": "dlv",
		"incidents": "inc", "links": "link",
	}[resource]
}

func (s *hostileSource) segment(resource, segment string) string {
	switch {
	case s.oneIn(8):
		return pick(s, s.texts)
	case segment == "{what}":
		return pick(s, export.Names())
	case s.oneIn(40):
		return s.id(pick(s, []string{"plan", "chg", "cust", "card", "ep", "dlv", "inc"})) // of another kind, perhaps
	case s.oneIn(20):
		return strings.ToUpper(resource) + "_unknown"
	}
	return s.id(hostilePrefix(resource))
}

// id is one of the latest ids with a prefix.
func (s *hostileSource) id(prefix string) string {
	n := len(s.twins.ids[prefix])
	if n == 0 {
		return prefix + "_none"
	}
	return s.twins.last(prefix, s.rng.IntN(min(n, 25)))
}

// query gives some of a route's parameters a value.
func (s *hostileSource) query(params []string) string {
	var parts []string
	for _, name := range params {
		if s.oneIn(3) {
			parts = append(parts, name+"="+s.parameter(name))
		}
	}
	switch s.rng.IntN(40) {
	case 0:
		parts = append(parts, url.QueryEscape(pick(s, s.texts))+"="+url.QueryEscape(pick(s, s.texts)))
	case 1:
		parts = append(parts, pick(s, []string{"a;b", "%zz", "=", "&&", "limit=1&limit=2", "limit", "%00=1"}))
	}
	return strings.Join(parts, "&")
}

// parameter is a value for a parameter: one that it may have, or any other.
func (s *hostileSource) parameter(name string) string {
	if s.oneIn(3) {
		return url.QueryEscape(pick(s, s.texts))
	}
	good := map[string][]string{
		"limit": {"1", "3", "100", "0", "-1", "101", "1e3", "9223372036854775808"}, "status": {"active", "canceled", "pending", "sent", "failed", "awaiting_first_payment"},
		"reference": {"a-0", "b-0", "{cust}", "ada-0", "%61-0"}, "customer": {"{cust}", "ada-0"}, "plan": {"{plan}", "a-0"}, "charge": {"{chg}"},
		"after": {"0", "1", "-1", "9223372036854775807", "x"}, "cursor": {"{inc}", "inc_", "{plan}", "{cust}", "{ntc}", "{dlv}", "plan_", "ntc_"}, "open": {"true", "false", "2"}, "kind": {string(billing.IncidentPaidTwice), "x"}, "endpoint": {"{ep}"},
		"message": {"{msg}"}, "format": {"csv", "jsonl", "xml"}, "since": {"2026-01-31T00:00:00Z", "2026-01-31", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "-292277022399-01-01T00:00:00Z"}, "stripe_customer": {"cus_x"},
	}[name]
	if len(good) == 0 {
		return "x"
	}
	return s.draw(pick(s, good))
}

var (
	drawn       = regexp.MustCompile(`\{[a-z]+\}`)
	stripeKnown = regexp.MustCompile(`(pi|ch|pm|cus)_known`)
	stripeID    = regexp.MustCompile(`\b(pi|ch|pm|cus|seti|re)_[A-Za-z0-9]{23,24}\b`)
)

// draw puts ids that are known in the place of their prefixes in braces, and of Stripe's *_known.
func (s *hostileSource) draw(template string) string {
	template = drawn.ReplaceAllStringFunc(template, func(prefix string) string { return s.id(strings.Trim(prefix, "{}")) })
	return stripeKnown.ReplaceAllStringFunc(template, func(name string) string {
		prefix := strings.TrimSuffix(name, "known")
		var of []string
		for _, id := range s.stripe {
			if strings.HasPrefix(id, prefix) {
				of = append(of, id)
			}
		}
		if len(of) == 0 {
			return name
		}
		return pick(s, of)
	})
}

// body is a body with hostile values in it, or no body of this kind at all.
func (s *hostileSource) body(template string) string {
	template = s.draw(template)
	if strings.HasPrefix(template, "{") {
		template = strings.Replace(template, `"o-`, `"o-`+strconv.Itoa(s.made%40)+"-", 1) // references come again, with other terms
	}
	switch n := s.rng.IntN(100); {
	case n < 50 && template != "":
		return testenv.Hostile(s.rng, template)
	case n < 54:
		return pick(s, s.values)
	case n < 57:
		return pick(s, s.texts)
	case n < 60:
		return template[:s.rng.IntN(len(template)+1)]
	case n < 62:
		return template + template
	case n < 64 && len(template) > 1:
		return `{"` + pick(s, []string{"notify", "Notify", "x", ""}) + `": ` + pick(s, s.values) + "," + template[1:]
	}
	return template
}

// headers gives some of the headers that are read a hostile value.
func (s *hostileSource) headers(h http.Header) {
	if s.oneIn(4) {
		h.Set("Idempotency-Key", "key-"+strconv.Itoa(s.rng.IntN(2000)))
	}
	for _, name := range []string{
		"Authorization", "Content-Type", "Idempotency-Key", "X-Tranche-Actor", "X-Forwarded-For", "Forwarded", "User-Agent", "Accept-Language",
		"Origin", "Sec-Fetch-Site", "Stripe-Signature", "Content-Length", "Accept-Encoding",
	} {
		if s.oneIn(30) {
			value := pick(s, s.texts)
			if prefix, ok := map[string]string{"Authorization": "Bearer ", "Content-Type": "application/json; charset=", "Stripe-Signature": "t=1772445600,v1="}[name]; ok && s.oneIn(2) {
				value = prefix + value
			}
			h[name] = []string{value}
		}
	}
}

// webhook makes an event with hostile fields, which is signed unless its header is hostile.
func (s *hostileSource) webhook() hostileInput {
	body := s.event()
	if s.oneIn(10) {
		body = s.body(body)
	} else if !s.oneIn(12) {
		body = testenv.Hostile(s.rng, body)
	}
	in := hostileInput{method: http.MethodPost, path: []string{"webhooks", "stripe"}, header: http.Header{}, body: body, sign: !s.oneIn(20)}
	s.headers(in.header)
	return in
}

// eventID is the id of an event of Stripe's.
var eventID = regexp.MustCompile(`"evt_[A-Za-z0-9]+"`)

// event is an event that was sent, under another id, or one of any type.
func (s *hostileSource) event() string {
	id := fmt.Sprintf(`"evt_%d"`, s.made)
	if s.oneIn(30) {
		id = `"evt_1"`
	}
	if len(s.twins.events) > 0 && s.oneIn(3) {
		return eventID.ReplaceAllString(pick(s, s.twins.events), id)
	}
	kinds := []string{"charge", "customer", "dispute", "fraud", "payment_intent", "payment_method", "refund", "setup_intent"}
	kind, types := pick(s, kinds), stripeevents.Types()
	about := slices.DeleteFunc(slices.Clone(types), func(t string) bool { return !strings.Contains(t, kind) })
	if len(about) == 0 || s.oneIn(10) {
		about = types
	}
	account := ""
	if s.oneIn(8) {
		account = `"account": "acct_1Villa", `
	}
	return s.draw(fmt.Sprintf(`{"id": %s, "object": "event", "api_version": "2023-10-16", "created": 1772445600, "livemode": false, "pending_webhooks": 1, %s"type": %q, "request": {"id": null, "idempotency_key": "k"}, "data": {"object": %s, "previous_attributes": {"status": "x"}}}`,
		id, account, pick(s, about), s.objects[kind]))
}

// page makes a request of the recovery page.
func (s *hostileSource) page() hostileInput {
	token := s.id("pay")
	if s.oneIn(8) {
		token = pick(s, s.texts)
	}
	in := hostileInput{method: http.MethodPost, path: []string{"pay", token}, header: http.Header{
		"Content-Type": {"application/json"}, "Sec-Fetch-Site": {"same-origin"}, "Origin": {"https://pay.example.com"}, "User-Agent": {"Mozilla/5.0"},
	}}
	agree := fmt.Sprintf(`"consent": %q, "listed": %q`, handlers.MandateVersion, s.id("listed"))
	switch s.rng.IntN(7) {
	case 0:
		in.method = http.MethodGet
	case 1:
		in.method, in.path = http.MethodGet, []string{"pay", "assets", pick(s, append(s.texts, "pay.js"))}
	case 2:
		in.path = append(in.path, "state")
	case 3:
		in.path, in.body = append(in.path, "intent"), s.body(fmt.Sprintf(`{"charges": [%q], "total": %d, "saved": %t, %s}`, s.id("chg"), pick(s, []int{25001, 25000, 2000, 3000}), s.oneIn(3), agree))
	case 4:
		in.path, in.body = append(in.path, "card"), s.body("{"+agree+"}")
	case 5:
		in.path = append(in.path, "renew")
	case 6:
		in.path = append(in.path, "card", "remove")
	}
	s.headers(in.header)
	return in
}

// know remembers the ids of Stripe's in the latest events.
func (s *hostileSource) know() {
	s.stripe = s.stripe[:0]
	for _, e := range s.twins.events {
		s.stripe = append(s.stripe, stripeID.FindAllString(e, -1)...)
	}
	slices.Sort(s.stripe)
	s.stripe = slices.Compact(s.stripe)
}
