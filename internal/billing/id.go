package billing

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strconv"
	"strings"
	"time"
)

// An id is a prefix, an underscore and 26 characters: 48 bits of UTC milliseconds, then 80 random
// bits, in lower-case Crockford base 32. Ids sort by the time of creation, which keeps indexes
// compact.
type (
	// PlanID identifies a plan: plan_…
	PlanID string
	// ChargeID identifies a charge: chg_… (Stripe's own charges are ch_…).
	ChargeID string
	// AttemptID identifies an attempt: att_… It is also the attempt's idempotency key at Stripe;
	// see AttemptIDFor.
	AttemptID string
	// CustomerID identifies a customer in Tranche: cust_… (Stripe's are cus_…).
	CustomerID string
	// CardID identifies a saved card: card_…
	CardID string
	// NoticeID identifies a notice: ntc_…
	NoticeID string
	// EndpointID identifies an endpoint of the merchant: ep_…
	EndpointID string
	// MessageID identifies a message to endpoints: msg_…
	MessageID string
	// DeliveryID identifies the delivery of one message to one endpoint: dlv_…
	DeliveryID string
)

// NewPlanID makes a plan id at the given time.
func NewPlanID(now time.Time) PlanID { return PlanID("plan_" + newID(now)) }

// NewChargeID makes a charge id at the given time.
func NewChargeID(now time.Time) ChargeID { return ChargeID("chg_" + newID(now)) }

// NewCustomerID makes a customer id at the given time.
func NewCustomerID(now time.Time) CustomerID { return CustomerID("cust_" + newID(now)) }

// NewCardID makes a card id at the given time.
func NewCardID(now time.Time) CardID { return CardID("card_" + newID(now)) }

// NewNoticeID makes a notice id at the given time.
func NewNoticeID(now time.Time) NoticeID { return NoticeID("ntc_" + newID(now)) }

// NewEndpointID makes an endpoint id at the given time.
func NewEndpointID(now time.Time) EndpointID { return EndpointID("ep_" + newID(now)) }

// NewMessageID makes a message id at the given time.
func NewMessageID(now time.Time) MessageID { return MessageID("msg_" + newID(now)) }

// NewDeliveryID makes a delivery id at the given time.
func NewDeliveryID(now time.Time) DeliveryID { return DeliveryID("dlv_" + newID(now)) }

// crockford leaves out i, l, o and u, which are easily misread.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func newID(now time.Time) string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return idAt(now, b[:])
}

// idAt returns the part of an id after its prefix: six bytes of time, then ten bytes that
// distinguish ids of the same time.
func idAt(now time.Time, rest []byte) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	copy(b[6:], rest)
	return crockford.EncodeToString(b[:])
}

// FirstNoticeID returns the lowest possible id of a notice created at or after t. Ids begin with
// their time, so the index of ids also serves as an index of times.
func FirstNoticeID(t time.Time) NoticeID { return NoticeID("ntc_" + firstID(t)) }

// FirstPlanID returns the lowest possible id of a plan created at or after t.
func FirstPlanID(t time.Time) PlanID { return PlanID("plan_" + firstID(t)) }

// FirstMessageID returns the lowest possible id of a message created at or after t.
func FirstMessageID(t time.Time) MessageID { return MessageID("msg_" + firstID(t)) }

// FirstDeliveryID returns the lowest possible id of a delivery created at or after t.
func FirstDeliveryID(t time.Time) DeliveryID { return DeliveryID("dlv_" + firstID(t)) }

// FirstChargeID returns the lowest possible id of a charge created at or after t.
func FirstChargeID(t time.Time) ChargeID { return ChargeID("chg_" + firstID(t)) }

// FirstCardID returns the lowest possible id of a card saved at or after t.
func FirstCardID(t time.Time) CardID { return CardID("card_" + firstID(t)) }

func firstID(t time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(max(t.UnixMilli(), 0))<<16)
	return crockford.EncodeToString(b[:])
}

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
