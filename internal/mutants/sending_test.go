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
		"a worker whose clock was set back while it slept sends nothing": {
			edits: []edit{{"internal/clock/instant.go", "max(now.wall.Sub(i.wall), now.mono-i.mono)", "now.wall.Sub(i.wall)"}},
			pkg:   "./internal/clock", test: "TestSince_LongerOfBothClocks",
		},
		"no new PaymentIntent is created before the old one is seen canceled": {
			edits: []edit{{"internal/collect/replace.go", "pending := notCanceled(r.intent, pi, err)", "pending := error(nil)"}},
			pkg:   "./jobs", test: "TestReplace_NotSeenCanceled",
		},
		"a charge that another PaymentIntent paid keeps its own until that is seen canceled": {
			edits: []edit{{"internal/collect/paidbyanother.go", "case other.Status != billing.IntentCanceled:", "case false:"}},
			pkg:   "./jobs", test: "TestPaidByAnother_NotSeenCanceled",
		},
		"another PaymentIntent pays a charge after the outcome of its attempt is known": {
			edits: []edit{{"internal/collect/paidbyanother.go", "n > 0 && attempts[n-1].Outcome.Open()", "n < 0"}},
			pkg:   "./jobs", test: "TestPaidByAnother_OutcomeUnknown",
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
		"a request under a key of unknown age is not sent": {
			edits: []edit{{"internal/collect/attempt.go", "t.InFuture(a.CreatedAt) || t.InFuture(a.SentAt)", "false"}},
			pkg:   "./jobs", test: "TestAttempt_ByAClockAhead",
		},
		"a payment that Stripe is processing is looked up and not sent again": {
			edits: []edit{{"internal/collect/attempt.go", "a.Outcome == billing.OutcomeProcessing || ", ""}},
			pkg:   "./jobs", test: "TestProcessing_EndedWhileTheKeyLives",
		},
		"a refund is requested again under the key of its order": {
			edits: []edit{{"internal/collect/refund.go", "billing.UnderKey(c.refund.IdempotencyKey,", "billing.UnderKey(c.refund.IdempotencyKey+fmt.Sprint(co.Clock.Now().Unix()),"}},
			pkg:   "./jobs", test: "TestRefund_KeyWithoutPermission",
		},
		"a key that was used is not taken for a request that never arrived": {
			edits: []edit{{"internal/collect/send.go", "return result{outcome: billing.OutcomeUnknown, err: ge}", "return co.neverArrived(ctx, c)"}},
			pkg:   "./jobs", test: "TestCollect_UsedKeyUnseen",
		},
		"a card of another Stripe account than the plan's is not charged": {
			edits: []edit{{"internal/collect/next.go", "card.Fault(t.Plan.Account)", "card.Fault(card.Account)"}},
			pkg:   "./jobs", test: "TestCollect_CardOfAnotherAccount",
		},
	}
}
