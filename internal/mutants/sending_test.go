package mutants_test

// sending are the guards of what is sent to Stripe.
func sending() map[string]mutant {
	return map[string]mutant{
		"an attempt without outcome is sent again under its own key": {
			edits: []edit{{"internal/collect/send.go", "do(ctx, c.attempt.IdempotencyKey, c.attempt.Params)", "do(ctx, c.attempt.IdempotencyKey+fmt.Sprint(time.Now().UnixNano()), c.attempt.Params)"}},
			pkg:   "./jobs", test: "TestAWorkerKilledAtAnyStepOfAChargeLeavesOnePayment",
		},
		"a worker that slept since its check sends nothing": {
			edits: []edit{{"internal/collect/send.go", "co.Clock.Since(checked) >= maxHeldUp", "false"}},
			pkg:   "./jobs", test: "TestCollectCharge_SuspendedAndCanceled",
		},
		"a worker that slept while it waited for a connection sends nothing": {
			edits: []edit{{"internal/collect/send.go", "ctx = billing.BeforeSending(ctx, fresh)", ""}},
			pkg:   "./jobs", test: "TestCollectCharge_SuspendedInTheGateway",
		},
		"no new PaymentIntent is created before the old one is seen canceled": {
			edits: []edit{{"internal/collect/replace.go", "pending := notCanceled(r.intent, pi, err)", "pending := error(nil)"}},
			pkg:   "./jobs", test: "TestReplace_NotSeenCanceled",
		},
		"a charge that another PaymentIntent paid keeps its own until that is seen canceled": {
			edits: []edit{{"internal/collect/paidbyanother.go", "case other.Status != billing.IntentCanceled:", "case false:"}},
			pkg:   "./jobs", test: "TestPaidByAnother_NotSeenCanceled",
		},
		"a charge that both PaymentIntents paid is paid twice": {
			edits: []edit{{"internal/collect/paidbyanother.go", "case other.Status == billing.IntentSucceeded:", "case false:"}},
			pkg:   "./jobs", test: "TestPaidByAnother_OpenOnePaidMeanwhile",
		},
		"a PaymentIntent that was paid while it was replaced pays its charge": {
			edits: []edit{{"internal/collect/replace.go", "case err == nil && pi.Status == billing.IntentSucceeded:", "case false:"}},
			pkg:   "./jobs", test: "TestReplace_PaidMeanwhile",
		},
		"a request that may still be in flight is not taken for lost": {
			edits: []edit{{"internal/collect/lookup.go", "errors.Is(err, billing.ErrNotFound) && co.Clock.Now().Sub(c.sentAt) < co.Clock.Simulated(co.Lease)", "false"}},
			pkg:   "./jobs", test: "TestLookUp_StillOnItsWay",
		},
		"a request that may arrive after its key is forgotten is not sent": {
			edits: []edit{{"internal/collect/attempt.go", "t.Now.Sub(a.CreatedAt) + t.Work.Clock.Simulated(t.Work.Lease)", "t.Now.Sub(a.CreatedAt)"}},
			pkg:   "./jobs", test: "TestCollect_KeyOutlivesCall",
		},
		"a refund is requested again under the key of its order": {
			edits: []edit{{"internal/collect/refund.go", "billing.UnderKey(c.refund.IdempotencyKey,", "billing.UnderKey(c.refund.IdempotencyKey+fmt.Sprint(co.Clock.Now().Unix()),"}},
			pkg:   "./jobs", test: "TestRefund_KeyWithoutPermission",
		},
		"a key that was used is not taken for a request that never arrived": {
			edits: []edit{{"internal/collect/send.go", "return result{outcome: billing.OutcomeUnknown, err: ge}", "return co.neverArrived(ctx, c)"}},
			pkg:   "./jobs", test: "TestCollect_UsedKeyUnseen",
		},
	}
}
