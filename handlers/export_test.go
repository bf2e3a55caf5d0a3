package handlers_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTablesAreExportedOverHTTP(t *testing.T) {
	eachEngine(t, func(s *surface) {
		id := s.activePlan("order-1")
		a := s.api("GET", "/v1/export/charges", "")
		require.Equal(s.t, http.StatusOK, a.status)
		rows, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
		require.NoError(s.t, err)
		require.Equal(s.t, []string{"id", "plan_id", "customer_id", "sequence", "amount"}, rows[0][:5])
		require.Equal(s.t, string(id), rows[1][1])

		lines := s.api("GET", "/v1/export/plans?format=jsonl&since=2020-01-01T00:00:00Z", "")
		require.Equal(s.t, http.StatusOK, lines.status)
		require.Contains(s.t, string(lines.body), `"reference":"order-1"`)
		require.NotContains(s.t, string(lines.body), "_secret_")

		require.Equal(s.t, http.StatusNotFound, s.api("GET", "/v1/export/secrets", "").status)
		require.Equal(s.t, http.StatusBadRequest, s.api("GET", "/v1/export/plans?format=xml", "").status)
		require.Equal(s.t, http.StatusBadRequest, s.api("GET", "/v1/export/plans?since=yesterday", "").status)
		require.Equal(s.t, http.StatusUnauthorized, s.do("GET", "/v1/export/plans", nil, "").status)
	})
}
