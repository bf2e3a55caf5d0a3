package mutants_test

// recording are the guards of what is recorded of Stripe's answers and events.
func recording() map[string]mutant {
	return map[string]mutant{}
}
