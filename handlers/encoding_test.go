package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTextThatIsNoUTF8IsRefused: PostgreSQL rejects invalid UTF-8 and NULs, which must not become
// an internal error.
func TestTextThatIsNoUTF8IsRefused(t *testing.T) {
	eachEngine(t, func(s *surface) {
		header := http.Header{"Authorization": {"Bearer " + apiKey}, "Content-Type": {"application/json"}, "Idempotency-Key": {"ke\x83"}}
		a := s.do("POST", "/v1/plans", header, order)
		require.Equal(s.t, http.StatusBadRequest, a.status, "%s", a.body)
		require.Equal(s.t, "bad_idempotency_key", a.problem(s.t).Code)
		for path, field := range map[string]string{
			"/v1/plans?reference=%ff": "reference", "/v1/plans?customer=%00": "customer", "/v1/plans?status=%00": "status", "/v1/plans?cursor=%ff": "cursor",
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

// TestBody_NoObject: the answer describes the body without the names of Go types.
func TestBody_NoObject(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for body, kind := range map[string]string{`[]`: "array", `7`: "number", `"x"`: "string", `true`: "bool"} {
			for _, path := range []string{"/v1/plans", "/v1/forecast", "/v1/charges/chg_1/move"} {
				a := s.api("POST", path, body)
				require.Equal(s.t, http.StatusBadRequest, a.status, "%s: %s", path, a.body)
				require.Equal(s.t, "the body is not a JSON object, but a JSON "+kind, a.problem(s.t).Detail, path)
			}
		}
	})
}

// notText are JSON strings that every field refuses.
var notText = []string{`"a\u0000b"`, "\"caf\xc3\"", `"\ud800"`, `"\u009b2J"`, `"\u202eevil"`, `"a\u2028b"`, `"\u001b[2J"`}

// TestTextOfABody_RefusedByField sends invalid text in every text field of every route.
func TestTextOfABody_RefusedByField(t *testing.T) {
	eachEngine(t, func(s *surface) {
		p := s.api("POST", "/v1/plans", order).plan(s.t)
		plan, tried := "/v1/plans/"+string(p.ID), 0
		before := s.api("GET", plan, "")
		for pattern, fields := range fieldsByRoute(s.t, s.handler, string(p.ID)) {
			method, path, _ := strings.Cut(pattern, " ")
			path = strings.NewReplacer("/plans/{id}", "/plans/"+string(p.ID), "/charges/{id}", "/charges/"+string(p.Charges[1].ID),
				"/customers/{id}", "/customers/cust-77", "{id}", "none").Replace(path)
			for _, f := range fields {
				if !f.text {
					continue
				}
				for _, text := range notText {
					tried++
					a := s.api(method, path, f.in(s.t, "{}", text))
					require.Equal(s.t, http.StatusUnprocessableEntity, a.status, "%s %s %s: %s", pattern, f, text, a.body)
					require.Equal(s.t, f.String(), a.problem(s.t).Errors[0].Field, "%s %s: %s", pattern, text, a.body)
				}
			}
		}
		require.Greater(s.t, tried, 400)
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
