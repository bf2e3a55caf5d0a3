package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/testenv"
)

// TestTextThatIsNoUTF8IsRefused: PostgreSQL does not take it, nor a NUL, and that must not become a
// failure of ours.
func TestTextThatIsNoUTF8IsRefused(t *testing.T) {
	eachEngine(t, func(s *surface) {
		header := http.Header{"Authorization": {"Bearer " + apiKey}, "Content-Type": {"application/json"}, "Idempotency-Key": {"ke\x83"}}
		a := s.do("POST", "/v1/plans", header, order)
		require.Equal(s.t, http.StatusBadRequest, a.status, "%s", a.body)
		require.Equal(s.t, "bad_idempotency_key", a.problem(s.t).Code)
		for path, field := range map[string]string{
			"/v1/plans?reference=%ff": "reference", "/v1/plans?customer=%00": "customer", "/v1/plans?status=%00": "status", "/v1/plans?before=%ff": "before",
			"/v1/plans/%ff": "path", "/v1/plans/%00/audit": "path", "/v1/notices?plan=%ff": "plan", "/v1/notices?status=%00": "status",
			"/v1/plans/%e2%80%ae": "path", "/v1/plans?reference=%c2%9b": "reference", "/v1/plans?x%0ay=1": "x y", "/v1/customers/a%0d%0ab": "path",
		} {
			a := s.api("GET", path, "")
			require.Equal(s.t, http.StatusBadRequest, a.status, "%s: %s", path, a.body)
			require.Equal(s.t, field, a.problem(s.t).Errors[0].Field, "%s: %s", path, a.body)
		}
		for range 20 { // of several faults always the same is named
			a := s.api("GET", "/v1/incidents?plan=%7f&kind=%00&cursor=%ff", "")
			require.Equal(s.t, "cursor", a.problem(s.t).Errors[0].Field, "%s", a.body)
		}
	})
}

// notText are JSON strings that no field keeps.
var notText = []string{`"a\u0000b"`, "\"caf\xc3\"", `"\ud800"`, `"\u009b2J"`, `"\u202eevil"`, `"a\u2028b"`, `"\u001b[2J"`}

func TestTextOfABody_RefusedByField(t *testing.T) {
	eachEngine(t, func(s *surface) {
		p := s.api("POST", "/v1/plans", order).plan(s.t)
		plan, charge, customer := "/v1/plans/"+string(p.ID), "/v1/charges/"+string(p.Charges[1].ID), "/v1/customers/cust-77"
		before := s.api("GET", plan, "")
		for _, c := range []struct{ method, path, field, body string }{
			{"POST", "/v1/plans", "reference", `{"reference": %, "kind": "installments", "currency": "usd", "total": 100000, "parts": 3, "every": "1 month", "customer": {"reference": "c"}}`},
			{"POST", "/v1/plans", "customer.reference", `{"reference": "o", "kind": "installments", "currency": "usd", "total": 100000, "parts": 3, "every": "1 month", "customer": {"reference": %}}`},
			{"POST", "/v1/plans", "customer.name", `{"reference": "o", "kind": "installments", "currency": "usd", "total": 100000, "parts": 3, "every": "1 month", "customer": {"reference": "c", "name": %}}`},
			{"POST", "/v1/plans", "customer.stripe_customer", `{"reference": "o", "kind": "installments", "currency": "usd", "total": 100000, "parts": 3, "every": "1 month", "customer": {"reference": "c", "stripe_customer": %}}`},
			{"POST", "/v1/plans", "card", `{"reference": "o", "kind": "deferred", "currency": "usd", "total": 100000, "due": "2030-01-01", "card": %, "customer": {"reference": "c"}}`},
			{"POST", "/v1/plans", "policy", `{"reference": "o", "kind": "deferred", "currency": "usd", "total": 100000, "due": "2030-01-01", "policy": %, "customer": {"reference": "c"}}`},
			{"POST", "/v1/plans", "description", `{"reference": "o", "kind": "deferred", "currency": "usd", "total": 100000, "due": "2030-01-01", "description": %, "customer": {"reference": "c"}}`},
			{"POST", "/v1/plans", "consent.text_version", `{"reference": "o", "kind": "deferred", "currency": "usd", "total": 1000, "due": "2030-01-01", "consent": {"accepted_at": "2026-01-01T00:00:00Z", "text_version": %}, "customer": {"reference": "c"}}`},
			{"POST", "/v1/plans", "consent.user_agent", `{"reference": "o", "kind": "deferred", "currency": "usd", "total": 1000, "due": "2030-01-01", "consent": {"accepted_at": "2026-01-01T00:00:00Z", "text_version": "v", "user_agent": %}, "customer": {"reference": "c"}}`},
			{"POST", "/v1/plans", "charges[1].due", `{"reference": "o", "kind": "installments", "currency": "usd", "charges": [{"amount": 100}, {"amount": 100, "due": %}], "customer": {"reference": "c"}}`},
			{"POST", "/v1/forecast", "plan", `{"plan": %}`},
			{"POST", plan + "/fee", "reason", `{"amount": 500, "due": "2030-01-01", "reason": %}`},
			{"POST", plan + "/card", "card", `{"card": %}`},
			{"POST", plan + "/pause", "reason", `{"reason": %}`},
			{"POST", plan + "/cancel", "reason", `{"reason": %}`},
			{"POST", plan + "/extend", "every", `{"parts": 1, "every": %}`},
			{"POST", charge + "/skip", "reason", `{"reason": %}`},
			{"POST", charge + "/write-off", "reason", `{"reason": %}`},
			{"POST", charge + "/paid-outside", "note", `{"note": %}`},
			{"POST", charge + "/move", "due", `{"due": %}`},
			{"PATCH", customer, "name", `{"name": %}`},
			{"PATCH", customer, "email", `{"email": %}`},
			{"PATCH", customer, "stripe_customer", `{"stripe_customer": %}`},
			{"POST", "/v1/webhook_endpoints", "url", `{"url": %}`},
			{"POST", "/v1/webhook_endpoints", "types[0]", `{"url": "https://shop.example", "types": [%]}`},
			{"POST", "/v1/incidents/inc_1/close", "note", `{"note": %}`},
		} {
			for _, text := range notText {
				a := s.api(c.method, c.path, strings.Replace(c.body, "%", text, 1))
				require.Equal(s.t, http.StatusUnprocessableEntity, a.status, "%s %s %s: %s", c.path, c.field, text, a.body)
				require.Equal(s.t, c.field, a.problem(s.t).Errors[0].Field, "%s %s: %s", c.path, text, a.body)
			}
		}
		require.JSONEq(s.t, string(before.body), string(s.api("GET", plan, "").body), "nothing was changed")
	})
}

func TestTextOfABody_Bounds(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for field, text := range map[string]string{
			"customer.email": "a@" + strings.Repeat("d", 10_000) + ".example", "customer.name": strings.Repeat("é", 201), "customer.reference": strings.Repeat("k", 10_000),
			"reference": strings.Repeat("k", 10_000), "description": strings.Repeat("k", 10_000), "card": strings.Repeat("k", 10_000), "customer.stripe_customer": strings.Repeat("k", 10_000),
		} {
			var body map[string]any
			require.NoError(s.t, json.Unmarshal([]byte(order), &body))
			in, name := body, field
			if inner, ok := strings.CutPrefix(field, "customer."); ok {
				in, name = body["customer"].(map[string]any), inner
			}
			in[name] = text
			doc, err := json.Marshal(body)
			require.NoError(s.t, err)
			a := s.api("POST", "/v1/plans", string(doc))
			require.Equal(s.t, http.StatusUnprocessableEntity, a.status, "%s: %s", field, a.body)
			require.Equal(s.t, field, a.problem(s.t).Errors[0].Field, "%s", a.body)
		}
		p := s.api("POST", "/v1/plans", order).plan(s.t)
		a := s.api("POST", "/v1/plans/"+string(p.ID)+"/cancel", `{"reason": "two\r\nlines\tand a tab"}`)
		require.Equal(s.t, http.StatusOK, a.status, "%s", a.body)
	})
}

// TestHostileBodies sends every hostile value in every field of a plan: the answer is never a
// failure of ours.
func TestHostileBodies(t *testing.T) {
	eachEngine(t, func(s *surface) {
		var fields []string
		for _, field := range []string{"order-1042", "installments", "usd", "1 month", "cust-77", "ada@example.com", "Ada", "en-GB", "Europe/London"} {
			fields = append(fields, testenv.JSONText(field))
		}
		for _, field := range append(fields, `100000`, `3`) {
			for _, value := range testenv.HostileValues() {
				a := s.api("POST", "/v1/plans", strings.Replace(order, ": "+field, ": "+value, 1))
				require.Less(s.t, a.status, 500, "%s as %.80s: %s", field, value, a.body)
			}
		}
	})
}
