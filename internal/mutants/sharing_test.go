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
		"a task with an older lease does nothing": {
			edits: []edit{{"internal/collect/step.go", "return c.Lease == lease && ", "return "}},
			pkg:   "./jobs", test: "TestTasksThatComeTwiceLateOrForNothingDoNothing",
		},
		"a call that another worker may be waiting for is left alone": {
			edits: []edit{{"internal/collect/next.go", "case inFlight(t, c, attempts[n-1]):", "case false:"}},
			pkg:   "./jobs", test: "TestAFrozenWorkersChargeIsTakenUpWhenItsLeaseEnds",
		},
		"a worker waits while the page makes a PaymentIntent": {
			edits: []edit{{"internal/collect/customerpays.go", "t.Now.Before(until) && ", "false && "}},
			pkg:   "./internal/recovery", test: "TestTheWorkerWaitsWhileThePaymentIntentIsMade",
		},
		"the page offers nothing to pay while a worker's attempt is open": {
			edits: []edit{{"internal/recovery/page.go", "case c.Status == billing.ChargeCollecting, inFlight(attempts):", "case false:"}},
			pkg:   "./internal/recovery", test: "TestWhileARetryIsUnderWayThereIsNothingToConfirm",
		},
		"a task that was queued before a pause charges nothing": {
			edits: []edit{{"internal/collect/next.go", "if !t.Plan.Status.Collects() {", "if false {"}},
			pkg:   "./jobs", test: "TestStopBeatsATaskThatIsAlreadyQueued",
		},
		"an attempt on a card that was revoked meanwhile is not sent again": {
			edits: []edit{{"internal/collect/attempt.go", `card.Fault(t.Plan.Account) == "" && `, `card.ID != "" && `}},
			pkg:   "./jobs", test: "TestAnAttemptThatWasTurnedAwayIsNotSentAfterAStop/card revoked",
		},
		"an event is acknowledged only once it is stored": {
			edits: []edit{{"handlers/stripe_webhook.go", "fresh, err := s.inbox.store(r.Context(), event)",
				"fresh, err := true, error(nil); go s.inbox.store(r.Context(), event)"}},
			pkg: "./handlers", test: "TestNothingIsAcknowledgedWhileTheDatabaseIsAway",
		},
		"a process waits while another one writes to the SQLite file": {
			edits: []edit{{"internal/store/sqlite/sqlite.go", `v.Set("_txlock", "immediate")`, `v.Set("_txlock", "deferred")`}},
			pkg:   "./internal/store/sqlite", test: "TestTwoProcesses",
		},
	}
}
