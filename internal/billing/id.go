package billing

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
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
