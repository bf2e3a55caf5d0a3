package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/handlers"
)

func TestActorHeader_Refused(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for name, value := range map[string]string{
			"too long": strings.Repeat("ä", 101), "not UTF-8": "Ren\xe9", "escape": "Ada \u009b2J", "turns the line": "Ada \u202egnp", "tab": "Ada\tOps",
		} {
			a := s.do(http.MethodGet, "/v1/plans", http.Header{"Authorization": {"Bearer " + apiKey}, "X-Tranche-Actor": {value}}, "")
			require.Equal(s.t, http.StatusBadRequest, a.status, name)
			require.Contains(s.t, string(a.body), "bad_actor", name)
		}
		for _, value := range []string{"", "Zoë O'Neil <support>", strings.Repeat("ä", 100)} {
			a := s.do(http.MethodGet, "/v1/plans", http.Header{"Authorization": {"Bearer " + apiKey}, "X-Tranche-Actor": {value}}, "")
			require.Equal(s.t, http.StatusOK, a.status, value)
		}
	})
}

func TestKeyFingerprint_IsStableAndShort(t *testing.T) {
	one, other := handlers.KeyFingerprint("a-key-of-the-merchants-own-servers"), handlers.KeyFingerprint("a-key-of-the-merchantz")
	require.Len(t, one, 12)
	require.NotEqual(t, one, other)
	require.Equal(t, one, handlers.KeyFingerprint("a-key-of-the-merchants-own-servers"))
}
