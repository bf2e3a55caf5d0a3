package mutants_test

// sharing are the guards between processes: locks, leases, permits, the page beside the worker.
func sharing() map[string]mutant {
	return map[string]mutant{
		"a PaymentIntent is not noted for an attempt that was given up": {
			edits: []edit{{"internal/recovery/intent.go", `c.PaymentIntent != "" || !attempt.Outcome.Open() {`, `c.PaymentIntent != "" {`}},
			pkg:   "./internal/recovery", test: "TestPay_AttemptGivenUp",
		},
		"only the charge's own PaymentIntent is handed out": {
			edits: []edit{{"internal/recovery/pay.go", "c.PaymentIntent != pi.ID", "false"}},
			pkg:   "./internal/recovery", test: "TestPay_ReplacedMeanwhile",
		},
		"a PaymentIntent that was given up is not handed out": {
			edits: []edit{
				{"internal/recovery/intent.go", `c.PaymentIntent != "" || !attempt.Outcome.Open() {`, `c.PaymentIntent != "" {`},
				{"internal/recovery/pay.go", "c.PaymentIntent != pi.ID", "false"},
			},
			pkg: "./internal/recovery", test: "TestPay_AttemptGivenUp",
		},
	}
}
