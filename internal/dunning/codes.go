package dunning

import (
	"maps"
	"slices"
)

// Codes returns every code of the table, sorted.
func Codes() []string { return slices.Sorted(maps.Keys(table)) }
