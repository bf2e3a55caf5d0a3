package reconcile

import "tranche/internal/billing"

// Advice on findings that can't be repaired from here.
const (
	adviceAmount  = "compare both: a payment of another amount is not recorded"
	adviceUnpaid  = "look at the plan's audit trail: Stripe has no such payment"
	adviceNoDisp  = "Stripe has no dispute of the payment"
	adviceSecond  = "the charge has another PaymentIntent: if both were paid, tranche charge refund-duplicate CHARGE refunds one"
	adviceOrphan  = "cancel it at Stripe unless another installation made it"
	adviceMissing = "check that the key belongs to the account that the charge was made on"
)

// held reports whether the charge was ever paid, even if it was refunded or disputed since.
func held(c billing.Charge) bool {
	return c.Status.Settled()
}

// compareCharge finds the differences between a charge and its PaymentIntent.
func compareCharge(c billing.Charge, p billing.RecordedPayment) []Finding {
	if p.Status != billing.IntentCanceled && amountDiffers(c, p) {
		return []Finding{newFinding(AmountDiffers, &c, &p, adviceAmount)}
	}
	switch {
	case p.Status == billing.IntentSucceeded && held(c) && !c.PaidOutside:
		return compareMoney(c, p)
	case p.Status == billing.IntentSucceeded:
		return []Finding{newFinding(SucceededNotHere, &c, &p, "").repairedBy(eventSucceeded)}
	case held(c) && !c.PaidOutside:
		return []Finding{newFinding(PaidNotThere, &c, &p, adviceUnpaid)}
	case p.Status == billing.IntentCanceled && !c.Status.Ended():
		return []Finding{newFinding(CanceledNotHere, &c, &p, "").repairedBy(eventCanceled)}
	}
	return nil
}

// amountDiffers compares the amount that was requested and, if Stripe's list has it, the amount
// that was received.
func amountDiffers(c billing.Charge, p billing.RecordedPayment) bool {
	short := p.Status == billing.IntentSucceeded && p.AmountReceived != 0 && p.AmountReceived != c.Amount
	return p.Amount != c.Amount || p.Currency != c.Currency || short
}

// compareMoney compares refunds and disputes of a payment that both records have. Stripe's list
// does not show that a dispute was won, so a dispute that our record has counts as up to date.
func compareMoney(c billing.Charge, p billing.RecordedPayment) []Finding {
	switch {
	case p.AmountRefunded > c.AmountRefunded:
		return []Finding{newFinding(RefundedNotHere, &c, &p, "").repairedBy(eventRefunded)}
	case p.AmountRefunded < c.AmountRefunded:
		return []Finding{newFinding(RefundedNotThere, &c, &p, "").repairedBy(eventRefunded)}
	case p.Disputed && c.DisputeStatus == "":
		return []Finding{newFinding(DisputedNotHere, &c, &p, "").repairedBy(eventDisputed)}
	case !p.Disputed && c.Status == billing.ChargeDisputed:
		return []Finding{newFinding(DisputedNotThere, &c, &p, adviceNoDisp)}
	}
	return nil
}

// compareUnclaimed finds the differences of a PaymentIntent that no charge has. named is the charge
// that its metadata names; empty if there is none.
func compareUnclaimed(p billing.RecordedPayment, named []billing.Charge) []Finding {
	paid, canceled := p.Status == billing.IntentSucceeded, p.Status == billing.IntentCanceled
	switch {
	case canceled:
		return nil // it can't take money any more
	case p.Metadata[billing.MetaCharge] == "":
		if paid && billing.AsksForPlan(p.Metadata) {
			return []Finding{newFinding(SucceededNotHere, nil, &p, "").repairedBy(eventSucceeded)}
		}
		return nil // none of ours, or not paid yet
	case len(named) == 0 && paid && p.Metadata[billing.MetaPlan] != "": // its handler writes the charge again, if it belongs to the plan's schedule
		return []Finding{newFinding(Orphan, nil, &p, adviceOrphan).repairedBy(eventSucceeded)}
	case len(named) == 0:
		return []Finding{newFinding(Orphan, nil, &p, adviceOrphan)}
	}
	return compareNamed(named[0], p)
}

// compareNamed finds the differences of a PaymentIntent whose metadata names a charge that does not
// have it.
func compareNamed(c billing.Charge, p billing.RecordedPayment) []Finding {
	paid := p.Status == billing.IntentSucceeded
	switch {
	case c.PaymentIntent == "" && paid:
		return compareCharge(c, p)
	case c.PaymentIntent == "":
		return nil // its attempt is open: the worker looks it up
	case paid && p.AmountRefunded >= p.Amount:
		return nil // it was refunded
	case paid: // its handler finds out whether it replaced the other, or is a second payment
		return []Finding{newFinding(SecondPayment, &c, &p, adviceSecond).repairedBy(eventSucceeded)}
	}
	return []Finding{newFinding(Orphan, &c, &p, adviceOrphan)}
}

// compareMissing finds the differences of a charge whose PaymentIntent Stripe does not have.
func compareMissing(c billing.Charge) []Finding {
	switch {
	case c.PaidOutside && c.PaymentIntent == "":
		return nil
	case held(c) && !c.PaidOutside:
		return []Finding{newFinding(PaidNotThere, &c, nil, adviceUnpaid)}
	}
	return []Finding{newFinding(MissingThere, &c, nil, adviceMissing)}
}
