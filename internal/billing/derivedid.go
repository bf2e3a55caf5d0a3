package billing

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"time"
)

// AttemptIDFor returns the id of a charge's attempt with a number (from 1). The id is also the
// idempotency key at Stripe, so it is derived from the charge alone: if the database goes back in
// time, a lost attempt is made again under its old key, and Stripe replays its response instead of
// charging twice. Attempts by the customer and by the merchant never share a key.
func AttemptIDFor(charge ChargeID, number int, by Initiator) AttemptID {
	return AttemptID("att_" + derivedID(string(charge), "attempt", strconv.Itoa(number), string(by)))
}

// RefundIDFor returns the id of a charge's refund with a number (from 1). Like an attempt's id, it
// is an idempotency key at Stripe.
func RefundIDFor(charge ChargeID, number int) RefundID {
	return RefundID("rfd_" + derivedID(string(charge), "refund", strconv.Itoa(number)))
}

// PlanIDFor returns the id of a plan that can be recreated from a record outside the database: the
// merchant's own PaymentIntent, or a line of an import. origin names that record (its kind, then
// its id), and at is a time that it holds. A plan that was lost with the database gets its old id
// again, and its charges get theirs.
func PlanIDFor(at time.Time, origin ...string) PlanID {
	parent := "plan_" + idAt(at, make([]byte, 10))
	return PlanID("plan_" + derivedID(parent, origin...))
}

// ChargeIDFor returns the id of a plan's charge by its number in the agreement (from 1).
func ChargeIDFor(plan PlanID, number int) ChargeID {
	return ChargeID("chg_" + derivedID(string(plan), "charge", strconv.Itoa(number)))
}

// recurringChargeID returns the id of the next charge of a plan's recurrence. A charge that was
// lost with the database gets its old id again, so that its payment is found. taken holds the
// plan's charges: no id is used twice.
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
// parts. The result keeps the parent's time, so that indexes stay compact; the rest is a hash.
func derivedID(parent string, parts ...string) string {
	sum := sha256.Sum256([]byte(parent + "\x00" + strings.Join(parts, "\x00")))
	b := [16]byte(sum[:])
	_, text, _ := strings.Cut(parent, "_")
	if own, err := crockford.DecodeString(text); err == nil && len(own) == len(b) {
		copy(b[:6], own)
	}
	return crockford.EncodeToString(b[:])
}
