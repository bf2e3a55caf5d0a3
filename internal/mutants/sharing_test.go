package mutants_test

// sharing are the guards between processes: locks, leases, permits, the page beside the worker.
func sharing() map[string]mutant {
	return map[string]mutant{}
}
