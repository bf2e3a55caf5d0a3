package billing

import "time"

// Actor is who caused what an audit entry records.
type Actor string

const (
	// ActorTranche is Tranche itself: scheduler and workers.
	ActorTranche Actor = "tranche"
	// ActorMerchant acted through the API, the command line or Stripe's dashboard.
	ActorMerchant Actor = "merchant"
	// ActorCustomer paid, authenticated or gave a card.
	ActorCustomer Actor = "customer"
	// ActorStripe told us by an event.
	ActorStripe Actor = "stripe"
)

// AuditEntry is one line of what happened and why. Entries are only ever added, and hold no secret. Endpoints are told of
// those that Told selects, with the rows that the ids name: see NewMessage.
type AuditEntry struct {
	Seq        int64 // in the order of writing; given by the store
	At         time.Time
	Actor      Actor
	Action     string // such as charge.succeeded or card.saved
	PlanID     PlanID
	ChargeID   ChargeID
	CustomerID CustomerID
	CardID     CardID   // of what concerns a card
	NoticeID   NoticeID // of what became of a notice
	Message    string   // what happened and why
	Next       string   // what follows, and when; empty when nothing does
}
