package billing

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"time"
)

// AttemptIDFor returns the id of a charge's attempt with a number (from 1). The id is the
// idempotency key at Stripe, so it follows from the charge alone: when the database goes back in
// time, the attempt that was lost is made again under its old key, and Stripe replays its answer
// instead of charging twice. The customer's and the merchant's attempts never share a key.
func AttemptIDFor(charge ChargeID, number int, by Initiator) AttemptID {
	return AttemptID("att_" + derivedID(string(charge), "attempt", strconv.Itoa(number), string(by)))
}

// RefundIDFor returns the id of a charge's refund with a number (from 1). It is a key at Stripe, as
// an attempt's id is.
func RefundIDFor(charge ChargeID, number int) RefundID {
	return RefundID("rfd_" + derivedID(string(charge), "refund", strconv.Itoa(number)))
}

// PlanIDFor returns the id of a plan that is made again from a record outside the database: the
// merchant's own PaymentIntent, or a line of an import. origin names that record (its kind, then
// its id), at is a time that it holds. A plan that was lost with the database comes back under its
// old id, with the old ids of its charges.
func PlanIDFor(at time.Time, origin ...string) PlanID {
	parent := "plan_" + idAt(at, make([]byte, 10))
	return PlanID("plan_" + derivedID(parent, origin...))
}

// ChargeIDFor returns the id of a plan's charge by its number in the agreement (from 1).
func ChargeIDFor(plan PlanID, number int) ChargeID {
	return ChargeID("chg_" + derivedID(string(plan), "charge", strconv.Itoa(number)))
}

// recurringChargeID returns the id of the charge that a plan's recurrence makes next. A charge that
// was lost with the database comes back under its old id, so that what was paid for it is found.
// taken holds the plan's charges: no id is given twice.
func recurringChargeID(plan PlanID, next int, taken []Charge) ChargeID {
	for try := 0; ; try++ {
		id := ChargeID("chg_" + derivedID(string(plan), "recurring", strconv.Itoa(next), strconv.Itoa(try)))
		if !hasCharge(taken, id) {
			return id
		}
	}
}

func hasCharge(charges []Charge, id ChargeID) bool {
	for _, c := range charges {
		if c.ID == id {
			return true
		}
	}
	return false
}

// derivedID returns the part of an id after its prefix as a function of the parent's id and of
// parts. It keeps the parent's time, so that indexes stay compact; the rest is a hash.
func derivedID(parent string, parts ...string) string {
	sum := sha256.Sum256([]byte(parent + "\x00" + strings.Join(parts, "\x00")))
	b := [16]byte(sum[:])
	_, text, _ := strings.Cut(parent, "_")
	if own, err := crockford.DecodeString(text); err == nil && len(own) == len(b) {
		copy(b[:6], own)
	}
	return crockford.EncodeToString(b[:])
}
