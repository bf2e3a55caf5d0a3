package planning_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/store/storetest"
	"tranche/internal/terms"
	"tranche/internal/testbench"
)

func TestAPlanNamesADunningPolicyThatExists(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		policy string
		known  []string
		fault  string
	}{
		{"", nil, ""},
		{"default", nil, ""},
		{"gentle", []string{"default", "gentle"}, ""},
		{"gentle", nil, `"gentle" is not a dunning policy; use one of: default`},
		{"strict", []string{"default", "gentle"}, `"strict" is not a dunning policy; use one of: default, gentle`},
	} {
		p := planning.New(planning.Config{Store: storetest.SQLite(t), Now: time.Now, Rules: testbench.Rules(), Policies: tc.known})
		terms := terms.Terms{
			Reference: "order-1", Kind: billing.KindInstallments, Currency: "usd", Total: 1000, Parts: 2, Every: "1 month", Policy: tc.policy,
			Customer: terms.Customer{Reference: "ada"},
		}
		_, err := p.Preview(t.Context(), terms)
		if tc.fault == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.fault)
		terms.Parts = 0
		_, err = p.Preview(t.Context(), terms)
		require.ErrorContains(t, err, tc.fault)
		require.ErrorContains(t, err, "parts", "with every other fault")
	}
}
