package billing

import (
	"cmp"
	"time"
)

// AuditEntry records one change and its cause. Entries are only ever added, and hold no secret. The
// merchant's endpoints receive messages about them, with the rows that the ids name: see package
// message.
type AuditEntry struct {
	Seq int64 // in the order of writing; given by the store
	At  time.Time
	// Actor is who caused it; empty means the acting party of the context: see By.
	Actor      Actor
	ActorName  string // the person behind an API key, as the caller names them; may be empty
	Action     string // such as charge.succeeded or card.saved
	PlanID     PlanID
	ChargeID   ChargeID
	CustomerID CustomerID
	CardID     CardID     // for entries about a card
	NoticeID   NoticeID   // for entries about a notice
	IncidentID IncidentID // for an incident that was opened or closed
	// Subject is anything else that the entry is about: the id of an endpoint, a delivery or an
	// event, the table of an export, or "database".
	Subject string
	Message string // what happened and why
	Next    string // what follows, and when; empty when nothing does
}

// By returns the entry with its actor filled in from the acting party. An entry by Stripe names the
// event that reported the change, and an entry by the customer names the link that was used, or the
// customer.
func (e AuditEntry) By(p Party) AuditEntry {
	switch {
	case e.Actor == "", e.Actor == ActorStripe && p.Actor.Kind() == ActorEvent, e.Actor == ActorCustomer && p.Actor.Kind() == ActorLink:
		e.Actor, e.ActorName = p.Actor, p.Name
	case e.Actor == ActorCustomer:
		e.Actor = NewActor(ActorKind(ActorCustomer), string(e.CustomerID))
	}
	return e
}

// Party returns the actor of the entry, and the person behind it.
func (e AuditEntry) Party() Party { return Party{Actor: e.Actor, Name: e.ActorName} }

// About returns the id of the entry's subject: the most specific id where the entry names several.
func (e AuditEntry) About() string {
	return cmp.Or(
		e.Subject, string(e.IncidentID), string(e.NoticeID), string(e.CardID), string(e.ChargeID), string(e.PlanID), string(e.CustomerID),
	)
}
