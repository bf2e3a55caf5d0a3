package handlers_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTextThatIsNoUTF8IsRefused: PostgreSQL does not take it, nor a NUL, and that must not become a failure of ours.
func TestTextThatIsNoUTF8IsRefused(t *testing.T) {
	eachEngine(t, func(s *surface) {
		header := http.Header{"Authorization": {"Bearer " + apiKey}, "Content-Type": {"application/json"}, "Idempotency-Key": {"ke\x83"}}
		a := s.do("POST", "/v1/plans", header, order)
		require.Equal(s.t, http.StatusBadRequest, a.status, "%s", a.body)
		require.Equal(s.t, "bad_idempotency_key", a.problem(s.t).Code)
		for _, path := range []string{
			"/v1/plans?reference=%ff", "/v1/plans?customer=%00", "/v1/plans?status=%00", "/v1/plans?before=%ff", "/v1/plans/%ff", "/v1/plans/%00/audit",
			"/v1/notices?plan=%ff", "/v1/notices?status=%00",
		} {
			a := s.api("GET", path, "")
			require.Equal(s.t, 4, a.status/100, "%s: %s", path, a.body)
		}
	})
}
