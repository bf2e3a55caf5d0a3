package stripegw_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripegw"
)

func TestParseEvent(t *testing.T) {
	t.Parallel()
	sent := []byte(golden(t, "event_payment_intent_succeeded.json"))
	e, err := stripegw.ParseEvent(sent)
	require.NoError(t, err)
	payload := e.Payload
	e.Payload = nil
	require.Equal(t, billing.Event{
		ID: "evt_3Event", Type: "payment_intent.succeeded", ObjectID: "pi_3Event", APIVersion: "2026-03-25.dahlia",
		CreatedAt: time.Unix(1767225601, 0).UTC(),
	}, e)
	require.True(t, json.Valid(payload))
	require.NotContains(t, string(payload), "_secret_abc")
	require.Contains(t, string(payload), `"client_secret": "[scrubbed]"`)
	require.Contains(t, string(payload), `"note": "[scrubbed]"`)
	require.Contains(t, string(payload), `"description": "Zoë's order <1042> & more"`, "the rest keeps its bytes")
	clear(sent)
	require.True(t, json.Valid(payload), "it has memory of its own")
}

func TestParseEventVariants(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body string
		want billing.Event
	}{
		"no object id": {`{"id":"evt_1","object":"event","type":"balance.available","data":{"object":{"object":"balance"}}}`, billing.Event{ID: "evt_1", Type: "balance.available"}},
		"no data":      {`{"id":"evt_1","type":"x.y"}`, billing.Event{ID: "evt_1", Type: "x.y"}},
		"null data":    {`{"id":"evt_1","type":"x.y","data":null,"api_version":null}`, billing.Event{ID: "evt_1", Type: "x.y"}},
		"connect": {
			`{"id":"evt_1","type":"x.y","account":"acct_1","livemode":true,"created":1,"data":{"object":{"id":"pi_1"}}}`,
			billing.Event{ID: "evt_1", Type: "x.y", Account: "acct_1", Livemode: true, ObjectID: "pi_1", CreatedAt: time.Unix(1, 0).UTC()},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := stripegw.ParseEvent([]byte(tt.body))
			require.NoError(t, err)
			tt.want.Payload = []byte(tt.body)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestParseEventErrors(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		"": stripegw.ErrNotJSON, "{": stripegw.ErrNotJSON, "<html>hunter2": stripegw.ErrNotJSON, `{"id":"hunter2"} x`: stripegw.ErrNotJSON,
		"null": stripegw.ErrNotEvent, "[]": stripegw.ErrNotEvent, "7": stripegw.ErrNotEvent, "{}": stripegw.ErrNotEvent,
		`{"id":"evt_1"}`: stripegw.ErrNotEvent, `{"type":"x"}`: stripegw.ErrNotEvent,
		`{"id":7,"type":"x"}`:                                        stripegw.ErrNotEvent,
		`{"id":"evt_1","type":"x","created":"hunter2"}`:              stripegw.ErrNotEvent,
		`{"id":"evt_1","type":"x","object":"v2.core.event"}`:         stripegw.ErrNotEvent,
		`{"id":"pi_1","object":"payment_intent","type":"something"}`: stripegw.ErrNotEvent,
	} {
		_, err := stripegw.ParseEvent([]byte(body))
		require.ErrorIs(t, err, want, body)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	const head = `{"id":"evt_1","type":"x","a":`
	for value, want := range map[string]string{
		`{"client_secret":"x"}`:                              `{"client_secret":"[scrubbed]"}`,
		`{"client_secret" : "x" , "b":1}`:                    `{"client_secret" : "[scrubbed]" , "b":1}`,
		`{"client_secret":null}`:                             `{"client_secret":null}`,
		`{"client_secret":17,"b":1}`:                         `{"client_secret":"[scrubbed]","b":1}`,
		`{"client_secret":{"k":["}","]"]},"b":[1]}`:          `{"client_secret":"[scrubbed]","b":[1]}`,
		`[{"client_secret":["a\"]",1]}]`:                     `[{"client_secret":"[scrubbed]"}]`,
		`{"client\u005fsecret":"x"}`:                         `{"client\u005fsecret":"[scrubbed]"}`,
		`["seti_1_secret_x","ok","a\"_secret_\""]`:           `["[scrubbed]","ok","[scrubbed]"]`,
		`["pi_1\u005fsecret\u005fx","caf\u00e9"]`:            `["[scrubbed]","caf\u00e9"]`,
		`{"name":"client_secret","client_secretary":"_s"}`:   `{"name":"client_secret","client_secretary":"_s"}`,
		`{"client_secret":true,"pi_1_secret_x":"key stays"}`: `{"client_secret":"[scrubbed]","pi_1_secret_x":"key stays"}`,
	} {
		e, err := stripegw.ParseEvent([]byte(head + value + "}"))
		require.NoError(t, err, value)
		require.Equal(t, head+want+"}", string(e.Payload))
	}
}

// BenchmarkParseEvent measures the cost of each event at ingress, without the signature.
func BenchmarkParseEvent(b *testing.B) {
	body := []byte(golden(b, "event_payment_intent_succeeded.json"))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := stripegw.ParseEvent(body); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAnswers_TextsAreCleaned: names that customers entered at Stripe are stored and shown.
func TestAnswers_TextsAreCleaned(t *testing.T) {
	t.Parallel()
	g, _ := answering(t, ok(`{"id":"pm_1","object":"payment_method","type":"card","billing_details":{"name":"\u009b2J\u009d0;pwn\u009c\u202eevil\u0000","email":"a@b.example"}}`))
	pm, err := g.PaymentMethod(t.Context(), "pm_1")
	require.NoError(t, err)
	require.Equal(t, " 2J 0;pwn evil", pm.Name)
	require.Equal(t, "a@b.example", pm.Email)
}
