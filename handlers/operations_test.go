package handlers_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/operator"
	"tranche/internal/store/storetest"
)

// TestRoutes_EveryOperation requires a route for each operation that the API has.
func TestRoutes_EveryOperation(t *testing.T) {
	t.Parallel()
	routes := slices.Collect(maps.Keys(newSurface(t, storetest.SQLite(t)).handler.Routes()))
	for _, spec := range operator.Operations() {
		if spec.Route != "" {
			require.Contains(t, routes, spec.Route, "%s %s", spec.Noun, spec.Operation)
		}
	}
}
