package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store/storetest"
	"tranche/internal/view"
)

// TestRoutes_UnknownParameter: no route of the API ignores a parameter.
func TestRoutes_UnknownParameter(t *testing.T) {
	t.Parallel()
	s := newSurface(t, storetest.SQLite(t))
	plan := s.activePlan("order-1")
	routes := s.handler.Routes()
	require.Greater(t, len(routes), 50)
	for pattern, params := range routes {
		method, path, found := strings.Cut(pattern, " ")
		require.True(t, found, pattern)
		path = strings.NewReplacer("{id}", string(plan), "{what}", "plans").Replace(path)
		a := s.api(method, path+"?nonsense=1", "")
		require.Equal(t, http.StatusBadRequest, a.status, "%s: %s", pattern, a.body)
		p := a.problem(t)
		require.Equal(t, "bad_parameter", p.Code, pattern)
		require.Equal(t, "nonsense", p.Errors[0].Field, pattern)
		require.Contains(t, p.Detail, pattern+" takes ")
		for _, name := range params {
			require.Contains(t, p.Detail, name, pattern)
		}
		if len(params) == 0 {
			require.Contains(t, p.Detail, "takes no parameters", pattern)
		}
	}
}

func TestRoutes_ParameterAtFault(t *testing.T) {
	t.Parallel()
	s := newSurface(t, storetest.SQLite(t))
	s.activePlan("order-1")
	for path, says := range map[string]string{
		"/v1/plans?email=ada@example.com":           "email: there is no such parameter; GET /v1/plans takes cursor, customer, limit, reference, status",
		"/v1/plans?kind=deposit":                    "kind: there is no such parameter",
		"/v1/plans?Status=active":                   "Status: there is no such parameter",
		"/v1/plans?status=active&status=paused":     "status: is given more than once",
		"/v1/plans?limit=5;status=paused":           "the query is not NAME=VALUE pairs",
		"/v1/customers?cursor=cust_1&email=a@b.com": "email: there is no such parameter",
	} {
		a := s.api("GET", path, "")
		require.Equal(t, http.StatusBadRequest, a.status, path)
		require.Contains(t, a.problem(t).Detail, says, path)
	}
	a := s.api("POST", "/v1/customers/ada/cards", "")
	require.Equal(t, http.StatusMethodNotAllowed, a.status)
	require.Equal(t, "GET, PUT", a.header.Get("Allow"))
}

// TestRoutes_PlanByReference: every route below a plan takes the plan's id and its reference.
func TestRoutes_PlanByReference(t *testing.T) {
	t.Parallel()
	s := newSurface(t, storetest.SQLite(t))
	id := s.activePlan("order 1")
	walked := 0
	for pattern := range s.handler.Routes() {
		method, path, _ := strings.Cut(pattern, " ")
		if !strings.HasPrefix(path, "/v1/plans/{id}") {
			continue
		}
		walked++
		at := func(name string) answer {
			body := ""
			if method != http.MethodGet {
				body = `{"nonsense": 1}` // found, and refused before anything is changed
			}
			return s.api(method, strings.Replace(path, "{id}", name, 1), body)
		}
		byID, byReference := at(string(id)), at("order%201")
		require.NotEqual(t, http.StatusNotFound, byID.status, pattern)
		require.Equal(t, byID.status, byReference.status, "%s: %s", pattern, byReference.body)
		require.Equal(t, string(byID.body), string(byReference.body), pattern)
		require.Equal(t, http.StatusNotFound, at("order-none").status, pattern)
	}
	require.Greater(t, walked, 12)
}

func TestParameters_PlanByReference(t *testing.T) {
	eachEngine(t, func(s *surface) {
		id := s.activePlan("order-1")
		s.activePlan("order-2")
		v := read[view.Plan](s, "POST", "/v1/plans/order-1/pause", `{"reason": "asked"}`)
		require.Equal(s.t, id, v.ID)
		require.Equal(s.t, billing.PlanPaused, v.Status)
		count := func(path string) int {
			a := s.api("GET", path, "")
			require.Equal(s.t, http.StatusOK, a.status, string(a.body))
			var list view.List[json.RawMessage]
			require.NoError(s.t, json.Unmarshal(a.body, &list))
			return len(list.Data)
		}
		require.Equal(s.t, 1, count("/v1/notices?plan=order-1"), "it was paused")
		require.Equal(s.t, 1, count("/v1/notices?plan="+string(id)))
		require.Zero(s.t, count("/v1/notices?plan=order-2"))
		require.Zero(s.t, count("/v1/notices?plan=order-none"))
		require.Zero(s.t, count("/v1/incidents?plan=order-1"))
		for query, want := range map[string]int{
			"reference=order-1": 1, "reference=order-1&status=paused": 1, "reference=order-1&status=active": 0, "reference=order-1&customer=ada": 1,
			"reference=order-1&customer=bob": 0, "customer=" + string(v.Customer.ID): 2,
		} {
			require.Equal(s.t, want, count("/v1/plans?"+query), query)
		}
		require.Zero(s.t, count("/v1/customers?reference=ada&stripe_customer=cus_other"))
		require.Equal(s.t, 1, count("/v1/customers?reference=ada"))
		one := read[view.Customer](s, "GET", "/v1/customers/ada", "")
		require.Len(s.t, one.Plans, 2)
		require.Equal(s.t, "order-2", one.Plans[0].Reference)
	})
}

// TestCards_NamedByStripesID: every route takes Stripe's id of a card.
func TestCards_NamedByStripesID(t *testing.T) {
	eachEngine(t, func(s *surface) {
		id := s.activePlan("order-1")
		other := s.paidFirst(id)
		plan, err := s.store.Plan(s.t.Context(), id)
		require.NoError(s.t, err)
		first, pmFirst, pmOther := plan.CardID, "pm_"+string(plan.CardID), "pm_"+string(other)

		require.Equal(s.t, first, read[view.Card](s, "GET", "/v1/cards/"+pmFirst, "").ID)
		done := read[view.CardChange](s, "PUT", "/v1/customers/ada/cards", `{"order": ["`+pmOther+`", "`+pmFirst+`"]}`)
		require.Equal(s.t, other, done.Cards[0].ID)
		done = read[view.CardChange](s, "POST", "/v1/cards/"+pmFirst+"/default", "")
		require.Equal(s.t, first, done.Cards[0].ID)
		s.change(id, "card", `{"card": "`+pmOther+`"}`)
		done = read[view.CardChange](s, "POST", "/v1/cards/"+pmOther+"/remove", `{"to": "`+pmFirst+`"}`)
		require.Len(s.t, done.Plans, 1)
		require.Equal(s.t, first, done.Plans[0].Card)
		a := s.api("POST", "/v1/cards/"+pmFirst+"/release", "")
		require.Contains(s.t, a.problem(s.t).Detail, "it is not held")
		terms, _, _ := strings.Cut(order, `"customer"`)
		a = s.api("POST", "/v1/plans", terms+`"card": "`+pmFirst+`", "customer": {"reference": "ada"}}`)
		require.Equal(s.t, http.StatusCreated, a.status, string(a.body))
	})
}
