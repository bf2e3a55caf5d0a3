package mutants_test

// recording are the guards of what is recorded of Stripe's answers and events.
func recording() map[string]mutant {
	return map[string]mutant{
		"a decline that an earlier attempt recorded is no answer to a later one": {
			edits: []edit{{"internal/collect/record.go", "if !r.lookedUp || r.outcome", "if true || r.outcome"}},
			pkg:   "./jobs", test: "TestLookUp_OldDecline",
		},
		"an attempt that took money counts although it was recorded as failed": {
			edits: []edit{{"internal/collect/record.go", "if r.outcome != billing.OutcomeSucceeded || c.Status.Settled() {", "if true {"}},
			pkg:   "./jobs", test: "TestRecord_PaidAfterItWasClosed",
		},
		"a decline that does not name its PaymentIntent is followed by no second one": {
			edits: []edit{{"internal/collect/send.go", "r.pi = pi\n", "_ = pi\n"}},
			pkg:   "./jobs", test: "TestDecline_PaymentIntentNotNamed",
		},
		"an attempt is looked up by its own id": {
			edits: []edit{{"internal/collect/lookup.go", "pi.Metadata[billing.MetaAttempt] == string(c.attempt.ID) ||", "true ||"}},
			pkg:   "./jobs", test: "TestLookUp_PaymentOfAnotherAttempt",
		},
		"a sweep reads again what the last one may have missed": {
			edits: []edit{{"internal/backfill/backfill.go", "since = since.Add(-Overlap)", ""}},
			pkg:   "./internal/app", test: "TestSweep_StripesClockBehind",
		},
		"an answer with another amount does not pay the charge": {
			edits: []edit{{"internal/collect/record.go", "if !SameAmount(*c, r.pi) {", "if false {"}},
			pkg:   "./jobs", test: "TestAnAmountChangedAtStripeIsNotTakenForTheCharge",
		},
		"a refund is not written over a newer one": {
			edits: []edit{{"internal/stripeevents/reversal.go", "if c.Version != f.charge.Version {", "if false {"}},
			pkg:   "./jobs", test: "TestAnOldAnswerDoesNotOverwriteANewerOne",
		},
		"an event of one account changes nothing of another": {
			edits: []edit{{"internal/stripeevents/owner.go", "if !slices.Contains(o.accounts, account) {", "if false && !slices.Contains(o.accounts, account) {"}},
			pkg:   "./jobs", test: "TestOneAccountCanNotPayForAnother",
		},
		"news of another PaymentIntent does not decide an open attempt": {
			edits: []edit{{"internal/collect/reported.go", "return pi.Metadata[billing.MetaAttempt] == string(a.ID)", "return true"}},
			pkg:   "./jobs", test: "TestEvent_PaidByALostAttempt",
		},
		"a payment at Stripe is reported for a charge that was paid outside Stripe": {
			edits: []edit{{"internal/collect/payment.go", "case c.PaidOutside:", "case false:"}},
			pkg:   "./jobs", test: "TestPaidTwice_OutsideAndAtStripe",
		},
	}
}
