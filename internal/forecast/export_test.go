package forecast

import "sync"

// Bound gives the forecaster other bounds.
func (f *Forecaster) Bound(steps, branchCost int) {
	f.bounds = bounds{steps: steps, branchCost: branchCost}
}

// EmptyImage is a database with the schema and nothing in it, made once for all tests.
var EmptyImage = sync.OnceValues(emptyImage)

// ShareEmpty has the forecaster begin with that one.
func (f *Forecaster) ShareEmpty() *Forecaster {
	f.empty = EmptyImage
	return f
}
