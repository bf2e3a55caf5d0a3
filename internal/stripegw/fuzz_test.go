package stripegw_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/plaintext"
	"tranche/internal/stripegw"
	"tranche/internal/testenv"
)

// holdsSecret looks for a client secret in decoded JSON.
func holdsSecret(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, "_secret_")
	case []any:
		return slices.ContainsFunc(v, holdsSecret)
	case map[string]any:
		for k, e := range v {
			if k == "client_secret" && e != nil && e != "[scrubbed]" || holdsSecret(e) {
				return true
			}
		}
	}
	return false
}

// FuzzParseEvent: the payload of every accepted event is valid JSON without a client secret, and
// parses to the same event again.
func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(golden(f, "event_payment_intent_succeeded.json")))
	f.Add([]byte(`{"id":"evt_1","type":"x","data":{"object":{"id":"pi_1","client_secret":{"a":[1,"}"]}}}}`))
	f.Add([]byte(`{"id":"evt_1","type":"x","client\u005fsecret":-1e9 , "b":"\u005fsecret\u005f"}`))
	f.Add([]byte(`{"id":"evt_1","type":"x","account":{"id":"acct_1"},"data":{"object":17}}`))
	f.Add([]byte(`{"id":"evt_1","type":"x","client_secret":[],"a":"\\","b":"\"_secret_"}`))
	f.Add([]byte(`null`))
	for seed := range uint64(200) {
		f.Add([]byte(testenv.Hostile(rand.New(rand.NewPCG(seed, 2)), `{"id":"evt_1","type":"x","account":"acct_1","api_version":"2023-10-16","created":1,"data":{"object":{"id":"pi_1","description":"d"}}}`)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := stripegw.ParseEvent(body)
		if err != nil {
			require.True(t, errors.Is(err, stripegw.ErrNotJSON) || errors.Is(err, stripegw.ErrNotEvent))
			require.Equal(t, json.Valid(body), !errors.Is(err, stripegw.ErrNotJSON))
			return
		}
		var doc any
		dec := json.NewDecoder(bytes.NewReader(e.Payload))
		dec.UseNumber() // 1e400 is JSON
		require.NoError(t, dec.Decode(&doc))
		require.False(t, holdsSecret(doc), "%s", e.Payload)
		require.Empty(t, plaintext.JSONFaults(e.Payload), "%q", e.Payload)
		for _, text := range []string{e.ID, e.Type, e.ObjectID, e.Account, e.APIVersion} {
			require.Empty(t, plaintext.LineProblem(text), "%q", text)
			require.LessOrEqual(t, len([]rune(text)), 255)
		}
		require.True(t, e.Account == "" || billing.IsAccount(e.Account), "%q", e.Account)
		again, err := stripegw.ParseEvent(e.Payload)
		require.NoError(t, err)
		require.Equal(t, string(e.Payload), string(again.Payload))
	})
}

// FuzzVerifySignature: a header that was not made with the secret never passes.
func FuzzVerifySignature(f *testing.F) {
	now := time.Unix(1767225600, 0)
	good := fmt.Sprintf("t=%d,v1=%s", now.Unix(), sign(now, "{}", "whsec_fuzz"))
	f.Add([]byte("{}"), good)
	f.Add([]byte("{}"), "t=1767225600,v1="+sign(now, "{}", ""))
	f.Add([]byte("{}"), "t=1,"+good)
	f.Add([]byte(""), "t=,v1=")
	f.Add([]byte("{}"), "t=99999999999999999999,v1=00")
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		err := stripegw.VerifySignature(body, header, []string{"whsec_fuzz"}, 0, now)
		if err == nil {
			require.Contains(t, strings.ToLower(header), sign(now, string(body), "whsec_fuzz"))
		}
		require.ErrorIs(t, stripegw.VerifySignature(body, header, []string{""}, 0, now), stripegw.ErrNoSecret)
	})
}
