package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/view"
)

// read returns the JSON of a successful answer.
func read[T any](s *surface, method, path, body string) T {
	s.t.Helper()
	a := s.api(method, path, body)
	require.Equal(s.t, http.StatusOK, a.status, string(a.body))
	var v T
	require.NoError(s.t, json.Unmarshal(a.body, &v))
	return v
}

func TestCustomersAndTheirCards(t *testing.T) {
	eachEngine(t, func(s *surface) {
		p := s.api("POST", "/v1/plans", order).plan(s.t)
		other := s.paidFirst(p.ID)
		plan, err := s.store.Plan(s.t.Context(), p.ID)
		require.NoError(s.t, err)
		first, who := plan.CardID, string(plan.CustomerID)

		list := read[view.List[view.Customer]](s, "GET", "/v1/customers", "")
		require.Len(s.t, list.Data, 1)
		require.Equal(s.t, who, string(list.Data[0].ID))
		require.Empty(s.t, read[view.List[view.Customer]](s, "GET", "/v1/customers?reference=nobody", "").Data)
		require.Len(s.t, read[view.List[view.Customer]](s, "GET", "/v1/customers?reference="+list.Data[0].Reference, "").Data, 1)
		require.Len(s.t, read[view.Customer](s, "GET", "/v1/customers/"+list.Data[0].Reference, "").Cards, 2)
		require.Equal(s.t, http.StatusBadRequest, s.api("GET", "/v1/customers?cursor=plan_1", "").status)
		require.Equal(s.t, http.StatusNotFound, s.api("GET", "/v1/customers/nobody", "").status)

		// Cards in order, the default, the removal.
		would := read[view.CardChange](s, "PUT", "/v1/customers/"+who+"/cards", fmt.Sprintf(`{"order": [%q, %q], "dry_run": true}`, other, first))
		require.True(s.t, would.DryRun)
		require.Equal(s.t, other, would.Cards[0].ID)
		require.Zero(s.t, read[view.Card](s, "GET", "/v1/cards/"+string(other), "").Position)
		done := read[view.CardChange](s, "PUT", "/v1/customers/"+who+"/cards", fmt.Sprintf(`{"order": [%q, %q]}`, other, first))
		require.Equal(s.t, []int{1, 2}, []int{done.Cards[0].Position, done.Cards[1].Position})
		done = read[view.CardChange](s, "POST", "/v1/cards/"+string(first)+"/default", "")
		require.Equal(s.t, first, done.Cards[0].ID)
		require.Equal(s.t, http.StatusConflict, s.api("POST", "/v1/cards/"+string(first)+"/default", "").status)
		require.Equal(s.t, "refused", s.api("POST", "/v1/cards/"+string(first)+"/release", "").problem(s.t).Code)
		require.Equal(s.t, http.StatusUnprocessableEntity, s.api("PUT", "/v1/customers/"+who+"/cards", `{"order": ["card_none"]}`).status)
		require.Equal(s.t, http.StatusNotFound, s.api("POST", "/v1/cards/card_none/remove", "").status)

		gone := read[view.CardChange](s, "POST", "/v1/cards/pm_"+string(first)+"/remove", fmt.Sprintf(`{"to": %q}`, other))
		require.Len(s.t, gone.Plans, 1)
		require.Equal(s.t, other, gone.Plans[0].Card)
		cards := read[view.List[view.Card]](s, "GET", "/v1/customers/"+who+"/cards", "").Data
		require.Equal(s.t, []billing.CardID{other, first}, []billing.CardID{cards[0].ID, cards[1].ID})
		require.NotNil(s.t, cards[1].RemovedAt)
		plan, err = s.store.Plan(s.t.Context(), p.ID)
		require.NoError(s.t, err)
		require.Equal(s.t, other, plan.CardID)
	})
}

func TestACustomerIsChangedByTheAPI(t *testing.T) {
	eachEngine(t, func(s *surface) {
		p := s.api("POST", "/v1/plans", order).plan(s.t)
		path := "/v1/customers/" + string(p.Customer.ID)
		before := read[view.Plan](s, "GET", "/v1/plans/"+string(p.ID), "").Charges[1].DueAt
		would := read[view.CustomerUpdate](s, "PATCH", path, `{"timezone": "Asia/Tokyo", "dry_run": true}`)
		require.True(s.t, would.DryRun)
		require.NotEmpty(s.t, would.Moved)
		require.Equal(s.t, before, read[view.Plan](s, "GET", "/v1/plans/"+string(p.ID), "").Charges[1].DueAt)
		done := read[view.CustomerUpdate](s, "PATCH", path, `{"timezone": "Asia/Tokyo", "email": "new@example.com"}`)
		require.Equal(s.t, would.Moved, done.Moved)
		require.Equal(s.t, []string{"Asia/Tokyo", "new@example.com"}, []string{done.TimeZone, done.Email})
		require.NotEqual(s.t, before, read[view.Plan](s, "GET", "/v1/plans/"+string(p.ID), "").Charges[1].DueAt)
		require.Equal(s.t, http.StatusUnprocessableEntity, s.api("PATCH", path, `{"email": "nothing"}`).status)
		for _, zone := range []string{"right/UTC", "posixrules", "Local", "Factory"} {
			require.Equal(s.t, http.StatusUnprocessableEntity, s.api("PATCH", path, `{"timezone": "`+zone+`"}`).status, zone)
		}
		require.Equal(s.t, http.StatusBadRequest, s.api("PATCH", path, `{"mail": "a@b.c"}`).status)
	})
}

func TestCustomersAreListedPageByPage(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for i := range 5 {
			s.api("POST", "/v1/plans", fmt.Sprintf(`{"reference": "o-%d", "kind": "installments", "currency": "usd", "total": 1000, "parts": 2, "every": "1 month", "customer": {"reference": "c-%d"}}`, i, i))
		}
		var seen []string
		for path := "/v1/customers?limit=2"; path != ""; {
			page := read[view.List[view.Customer]](s, "GET", path, "")
			for _, c := range page.Data {
				seen = append(seen, c.Reference)
			}
			path = ""
			if page.HasMore {
				path = "/v1/customers?limit=2&cursor=" + page.Next
			}
		}
		require.ElementsMatch(s.t, []string{"c-0", "c-1", "c-2", "c-3", "c-4"}, seen)
	})
}
