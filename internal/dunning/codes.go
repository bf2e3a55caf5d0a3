package dunning

import (
	"maps"
	"slices"
)

// Codes lists every code that the table holds, sorted.
func Codes() []string { return slices.Sorted(maps.Keys(table)) }
