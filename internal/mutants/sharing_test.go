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
		"a plan's row lock keeps an operator out until the attempt is committed": {
			edits: []edit{{"internal/store/postgres/postgres.go", `" FOR UPDATE",`, `"",`}},
			pkg:   "./jobs", test: "TestCollect_PausedUnderTheLock", postgres: true,
		},
		"no task acts for a database that may be another account's": {
			edits: []edit{{"jobs/permit.go", "w.permits.NotActing(ctx)", "error(nil)"}},
			pkg:   "./jobs", test: "TestPermits_EveryTaskKind/webhook:deliver",
		},
		"no charge is made for a database that may be another account's": {
			edits: []edit{{"internal/collect/permit.go", "err := p.NotActing(ctx)", "err := error(nil)"}},
			pkg:   "./jobs", test: "TestPermits_EveryTaskKind/charge:collect",
		},
		"the binding is asked before a task acts": {
			edits: []edit{{"internal/app/permits.go", "func (p permits) act(ctx context.Context) error { return p.guard.Check(ctx) }",
				"func (p permits) act(context.Context) error { return nil }"}},
			pkg: "./internal/app", test: "TestStart_StripeAway",
		},
	}
}
