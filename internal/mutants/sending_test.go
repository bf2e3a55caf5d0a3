package mutants_test

// sending are the guards of what is sent to Stripe.
func sending() map[string]mutant {
	return map[string]mutant{
		"an attempt without outcome is sent again under its own key": {
			edits: []edit{{"internal/collect/send.go", "do(ctx, c.attempt.IdempotencyKey, c.attempt.Params)", `do(ctx, c.attempt.IdempotencyKey+"-"+time.Now().String(), c.attempt.Params)`}},
			pkg:   "./jobs", test: "TestAWorkerKilledAtAnyStepOfAChargeLeavesOnePayment",
		},
	}
}
