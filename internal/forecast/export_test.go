package forecast

import "sync"

// Bound sets other bounds.
func (f *Forecaster) Bound(steps, branchCost int) {
	f.bounds = bounds{steps: steps, branchCost: branchCost}
}

// EmptyImage returns a database with the schema and no rows, made once for all tests.
var EmptyImage = sync.OnceValues(emptyImage)

// ShareEmpty lets the forecaster start from EmptyImage.
func (f *Forecaster) ShareEmpty() *Forecaster {
	f.empty = EmptyImage
	return f
}
