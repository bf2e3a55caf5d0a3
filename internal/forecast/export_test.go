package forecast

// Bound gives the forecaster other bounds.
func (f *Forecaster) Bound(steps, branchCost int) {
	f.bounds = bounds{steps: steps, branchCost: branchCost}
}
