package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/notify/webhook"
	"tranche/internal/operator"
)

// endpoints manages the endpoints of a store.
func endpoints(t testing.TB, st billing.Store, secretKey string) *operator.Endpoints {
	t.Helper()
	keys, err := webhook.NewKeyring(secretKey)
	require.NoError(t, err)
	hooks, ok := st.(billing.WebhookStore)
	require.True(t, ok)
	return &operator.Endpoints{
		Store: hooks, Clock: clock.Clock{}, NewSecret: webhook.NewSecret, Keys: keys,
		CheckURL: func(raw string) error { return webhook.CheckURL(raw, false) },
	}
}

type endpointBody struct {
	ID, Object, URL, Status, Secret string
	Types                           []string
	OldSecretUntil                  *time.Time `json:"old_secret_until"`
}

func (s *surface) endpoint(method, path, body string, want int) endpointBody {
	s.t.Helper()
	a := s.api(method, "/v1/webhook_endpoints"+path, body)
	require.Equal(s.t, want, a.status, "%s", a.body)
	var e endpointBody
	if want < 300 && len(a.body) > 0 {
		require.NoError(s.t, json.Unmarshal(a.body, &e))
	}
	return e
}

func TestEndpointsAreManagedOverHTTP(t *testing.T) {
	eachEngine(t, func(s *surface) {
		made := s.endpoint("POST", "", `{"url": "https://shop.example/hook", "types": ["charge.*"]}`, 201)
		require.Equal(s.t, "webhook_endpoint", made.Object)
		require.True(s.t, strings.HasPrefix(made.Secret, "whsec_"))
		require.Equal(s.t, []string{"charge.*"}, made.Types)
		all := s.endpoint("POST", "", `{"url": "https://shop.example/all"}`, 201)
		require.Equal(s.t, []string{}, all.Types, "everything")

		shown := s.endpoint("GET", "/"+made.ID, "", 200)
		require.Empty(s.t, shown.Secret)
		list := s.api("GET", "/v1/webhook_endpoints", "")
		require.Equal(s.t, 200, list.status)
		require.NotContains(s.t, string(list.body), "whsec_")
		require.Contains(s.t, string(list.body), all.ID)

		rotated := s.endpoint("POST", "/"+made.ID+"/rotate", "", 200)
		require.NotEqual(s.t, made.Secret, rotated.Secret)
		require.WithinDuration(s.t, time.Now().Add(24*time.Hour), *rotated.OldSecretUntil, time.Minute)

		changed := s.endpoint("PATCH", "/"+made.ID, `{"url": "https://shop.example/new", "types": []}`, 200)
		require.Equal(s.t, []any{"https://shop.example/new", []string{}, "enabled"}, []any{changed.URL, changed.Types, changed.Status})
		require.Equal(s.t, "disabled", s.endpoint("PATCH", "/"+made.ID, `{"status": "disabled"}`, 200).Status)
		require.Equal(s.t, "https://shop.example/new", s.endpoint("GET", "/"+made.ID, "", 200).URL, "omitted fields stay")
		require.Equal(s.t, "enabled", s.endpoint("PATCH", "/"+made.ID, `{"status": "enabled"}`, 200).Status)

		s.endpoint("DELETE", "/"+made.ID, "", 204)
		s.endpoint("DELETE", "/"+made.ID, "", 404)
		s.endpoint("GET", "/"+made.ID, "", 404)
		require.Equal(s.t, 405, s.api("PUT", "/v1/webhook_endpoints/"+made.ID, "").status)
	})
}

func TestWhatIsNoEndpointIsRefusedFieldByField(t *testing.T) {
	eachEngine(t, func(s *surface) {
		good := s.endpoint("POST", "", `{"url": "https://shop.example/hook"}`, 201)
		for _, c := range []struct {
			method, path, body string
			status             int
			says               string
		}{
			{"POST", "", `{}`, 422, `"field":"url"`},
			{"POST", "", `{"url": "http://shop.example"}`, 422, "does not begin with https://"},
			{"POST", "", `{"url": "https://169.254.169.254/latest"}`, 422, "not an address on the Internet"},
			{"POST", "", `{"url": "https://shop.example", "types": ["charge.*", "charge.paid"]}`, 422, `charge.paid`},
			{"POST", "", `{"url": "https://shop.example", "secret": "mine"}`, 400, "there is no such field"},
			{"PATCH", "/" + good.ID, `{"url": "https://10.0.0.1"}`, 422, "not an address on the Internet"},
			{"PATCH", "/" + good.ID, `{"status": "gone"}`, 422, `"field":"status"`},
			{"PATCH", "/" + good.ID, `{"types": ["x"]}`, 422, `"field":"types"`},
			{"POST", "/" + good.ID + "/replay", `{}`, 422, `"field":"since"`},
			{"POST", "/ep_none/rotate", "", 404, "not found"},
			{"POST", "/ep_none/replay", `{"since": "2026-01-01T00:00:00Z"}`, 404, "not found"},
		} {
			a := s.api(c.method, "/v1/webhook_endpoints"+c.path, c.body)
			require.Equal(s.t, c.status, a.status, "%s %s: %s", c.method, c.body, a.body)
			require.Contains(s.t, string(a.body), c.says)
		}
		for range billing.MaxEndpoints - 1 {
			s.endpoint("POST", "", `{"url": "https://shop.example/hook"}`, 201)
		}
		s.endpoint("POST", "", `{"url": "https://shop.example/hook"}`, 422)
	})
}

func TestDeliveriesAreListedShownAndReplayed(t *testing.T) {
	eachEngine(t, func(s *surface) {
		e := s.endpoint("POST", "", `{"url": "https://shop.example/hook"}`, 201)
		require.Equal(s.t, 201, s.api("POST", "/v1/plans", order).status)
		require.Equal(s.t, 201, s.api("POST", "/v1/plans", strings.Replace(order, "order-1042", "order-1043", 1)).status)
		var list struct {
			Data []struct {
				ID, Type, Status, Endpoint, Message string
				Payload                             json.RawMessage
			}
			HasMore bool   `json:"has_more"`
			Next    string `json:"next_cursor"`
		}
		read := func(query string) {
			s.t.Helper()
			a := s.api("GET", "/v1/webhook_deliveries"+query, "")
			require.Equal(s.t, 200, a.status, "%s", a.body)
			list.Data, list.HasMore, list.Next = nil, false, ""
			require.NoError(s.t, json.Unmarshal(a.body, &list))
		}
		read("?limit=1&endpoint=" + e.ID + "&status=pending")
		require.Len(s.t, list.Data, 1)
		require.True(s.t, list.HasMore)
		newest := list.Data[0]
		require.Equal(s.t, []string{"plan.created", "pending", e.ID}, []string{newest.Type, newest.Status, newest.Endpoint})
		require.Nil(s.t, newest.Payload)
		read("?cursor=" + list.Next)
		require.Len(s.t, list.Data, 1)
		read("?message=" + newest.Message)
		require.Len(s.t, list.Data, 1)
		for _, query := range []string{"?status=sent", "?cursor=ntc_1", "?limit=0"} {
			require.Equal(s.t, 400, s.api("GET", "/v1/webhook_deliveries"+query, "").status)
		}

		a := s.api("GET", "/v1/webhook_deliveries/"+newest.ID, "")
		require.Equal(s.t, 200, a.status)
		var shown struct {
			Payload struct {
				ID, Type string
				Data     struct{ Plan struct{ Reference string } }
			}
		}
		require.NoError(s.t, json.Unmarshal(a.body, &shown))
		require.Equal(s.t, []string{newest.Message, "plan.created"}, []string{shown.Payload.ID, shown.Payload.Type})
		require.Contains(s.t, []string{"order-1042", "order-1043"}, shown.Payload.Data.Plan.Reference)

		require.Equal(s.t, 202, s.api("POST", "/v1/webhook_deliveries/"+newest.ID+"/replay", "").status)
		require.Equal(s.t, 404, s.api("POST", "/v1/webhook_deliveries/dlv_none/replay", "").status)
		a = s.api("POST", "/v1/webhook_endpoints/"+e.ID+"/replay", `{"since": "2020-01-01T00:00:00Z"}`)
		require.Equal(s.t, http.StatusAccepted, a.status)
		require.JSONEq(s.t, `{"replayed": 2}`, string(a.body))
		s.endpoint("PATCH", "/"+e.ID, `{"status": "disabled"}`, 200)
		a = s.api("POST", "/v1/webhook_deliveries/"+newest.ID+"/replay", "")
		require.Equal(s.t, http.StatusConflict, a.status)
		require.Contains(s.t, string(a.body), "enable it first")
	})
}

func TestWithoutAKeyNoSecretIsMade(t *testing.T) {
	eachEngine(t, func(s *surface) {
		*s.endpoints = *endpoints(s.t, s.store, "")
		a := s.api("POST", "/v1/webhook_endpoints", `{"url": "https://shop.example/hook"}`)
		require.Equal(s.t, http.StatusConflict, a.status)
		require.Contains(s.t, string(a.body), "TRANCHE_SECRET_KEY")
	})
}
