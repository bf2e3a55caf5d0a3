package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCreatePlan_Rupees names the e-mandate in the answer to a plan in rupees, and in no other.
func TestCreatePlan_Rupees(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for currency, want := range map[string]int{"inr": 1, "usd": 0} {
			body := strings.NewReplacer("CUR", currency).Replace(`{"reference": "order-CUR", "kind": "installments", "currency": "CUR", "total": 100000,
				"parts": 2, "every": "1 month", "customer": {"reference": "ada"}}`)
			a := s.api("POST", "/v1/plans", body)
			require.Equal(s.t, http.StatusCreated, a.status)
			var plan struct{ Warnings []string }
			require.NoError(s.t, json.Unmarshal(a.body, &plan))
			require.Len(s.t, plan.Warnings, want, currency)
		}
	})
}
