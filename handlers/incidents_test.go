package handlers_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/view"
)

type incidentList struct {
	Data    []view.Incident
	HasMore bool   `json:"has_more"`
	Next    string `json:"next_cursor"`
}

func TestIncidents_ListShowClose(t *testing.T) {
	eachEngine(t, func(s *surface) {
		now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		require.NoError(s.t, s.store.Update(s.t.Context(), func(tx billing.Tx) error {
			for n := range 3 {
				i := billing.Incident{Kind: billing.IncidentPaidTwice, Subject: "pi_" + strconv.Itoa(n), Detail: "paid twice", OpenedAt: now.Add(time.Duration(n) * time.Second)}
				if _, err := tx.OpenIncident(s.t.Context(), i); err != nil {
					return err
				}
			}
			return nil
		}))
		list := func(query string) (l incidentList) {
			a := s.api(http.MethodGet, "/v1/incidents"+query, "")
			require.Equal(s.t, http.StatusOK, a.status, string(a.body))
			require.NoError(s.t, json.Unmarshal(a.body, &l))
			return l
		}
		first := list("?open=true&kind=paid_twice&limit=2")
		require.Len(s.t, first.Data, 2)
		require.True(s.t, first.HasMore)
		require.Equal(s.t, "pi_2", first.Data[0].Subject)
		rest := list("?open=true&kind=paid_twice&limit=2&cursor=" + first.Next)
		require.Len(s.t, rest.Data, 1)
		require.False(s.t, rest.HasMore)
		require.Empty(s.t, list("?kind=refund_failed").Data)
		require.Empty(s.t, list("?plan=plan_x").Data)

		id := string(first.Data[0].ID)
		var closed view.Incident
		for _, note := range []string{"refunded", "again"} {
			a := s.api(http.MethodPost, "/v1/incidents/"+id+"/close", `{"note": "`+note+`"}`)
			require.Equal(s.t, http.StatusOK, a.status, string(a.body))
			require.NoError(s.t, json.Unmarshal(a.body, &closed))
			require.Equal(s.t, "refunded", closed.Note)
			require.Equal(s.t, billing.NewActor(billing.ActorKey, handlers.KeyFingerprint(apiKey)), closed.ClosedBy)
			require.False(s.t, closed.Open)
		}
		require.Len(s.t, list("?open=true").Data, 2)
		require.Len(s.t, list("?open=false").Data, 3)
		var shown view.Incident
		require.NoError(s.t, json.Unmarshal(s.api(http.MethodGet, "/v1/incidents/"+id, "").body, &shown))
		require.Equal(s.t, closed, shown)
	})
}

func TestIncidents_BadRequests(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for path, want := range map[string]int{
			"/v1/incidents?open=maybe":    http.StatusBadRequest,
			"/v1/incidents?kind=nonsense": http.StatusBadRequest,
			"/v1/incidents?cursor=plan_1": http.StatusBadRequest,
			"/v1/incidents?limit=0":       http.StatusBadRequest,
			"/v1/incidents/inc_none":      http.StatusNotFound,
		} {
			require.Equal(s.t, want, s.api(http.MethodGet, path, "").status, path)
		}
		for body, want := range map[string]int{
			"": http.StatusNotFound, `{"text": "x"}`: http.StatusBadRequest, `{"note": "a\u0000b"}`: http.StatusUnprocessableEntity,
			`{"note": "` + strings.Repeat("x", 501) + `"}`: http.StatusUnprocessableEntity,
		} {
			require.Equal(s.t, want, s.api(http.MethodPost, "/v1/incidents/inc_none/close", body).status, body)
		}
	})
}
