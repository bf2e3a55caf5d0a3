package billing

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// Ids are a prefix, an underscore and 26 characters: 48 bits of UTC milliseconds, then 80 random
// bits, in lower-case Crockford base 32. They sort by the time of their making, which keeps indexes
// compact.
type (
	// PlanID names a plan: plan_…
	PlanID string
	// ChargeID names a charge: chg_… (Stripe's own charges are ch_…).
	ChargeID string
	// AttemptID names an attempt: att_… It is also the attempt's idempotency key at Stripe; see
	// AttemptIDFor.
	AttemptID string
	// CustomerID names a customer of ours: cust_… (Stripe's are cus_…).
	CustomerID string
	// CardID names a saved card: card_…
	CardID string
	// NoticeID names a notice: ntc_…
	NoticeID string
	// EndpointID names an endpoint of the merchant's: ep_…
	EndpointID string
	// MessageID names a message to endpoints: msg_…
	MessageID string
	// DeliveryID names the delivery of one message to one endpoint: dlv_…
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

// crockford leaves out i, l, o and u, which people misread.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func newID(now time.Time) string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return idAt(now, b[:])
}

// idAt writes the part of an id after its prefix: six bytes of time, and ten that tell ids of one
// time apart.
func idAt(now time.Time, rest []byte) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	copy(b[6:], rest)
	return crockford.EncodeToString(b[:])
}
