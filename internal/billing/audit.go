package billing

import (
	"cmp"
	"context"
	"strings"
	"time"
	"unicode"
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

// Actor names who caused what an audit entry records: a kind and, for most kinds, an id after a
// colon, such as key:1f0c9a44d2b7, cli:ada@ops1 or event:evt_1. It holds no secret and no address
// of a customer.
type Actor string

// ActorKind is the part of an Actor before the colon.
type ActorKind string

// The kinds of actors.
const (
	ActorKey       ActorKind = "key"       // an API key; the id is its fingerprint
	ActorCommand   ActorKind = "cli"       // a person at the command line, as USER@HOST
	ActorImport    ActorKind = "import"    // a person who imports plans, as USER@HOST
	ActorLink      ActorKind = "link"      // a customer on the recovery page; the id is the link's
	ActorEvent     ActorKind = "event"     // Stripe, by an event; the id is the event's
	ActorWorker    ActorKind = "worker"    // a worker process; the id is its host
	ActorScheduler ActorKind = "scheduler" // a scheduler process; the id is its host
)

const (
	// ActorStripe is Stripe, in the answer to a call. While an event is handled, the event is named
	// instead.
	ActorStripe Actor = "stripe"
	// ActorCustomer is the customer that an entry names. On the recovery page, the link is named
	// instead.
	ActorCustomer Actor = "customer"
	// ActorUnknown is recorded where an entry point sets no actor, which is a bug.
	ActorUnknown Actor = "unknown"
)

// NewActor joins a kind and an id. Blanks and control characters in the id become underscores, so
// that an actor is one word in every listing.
func NewActor(kind ActorKind, id string) Actor {
	id = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, id)
	if id == "" {
		return Actor(kind)
	}
	return Actor(string(kind) + ":" + id)
}

// Kind returns the part before the colon.
func (a Actor) Kind() ActorKind {
	kind, _, _ := strings.Cut(string(a), ":")
	return ActorKind(kind)
}

// Party is an actor and, where several people share the actor, the person who acted.
type Party struct {
	Actor Actor
	Name  string // free text of the API's caller: the header X-Tranche-Actor
}

// String formats the party for people.
func (p Party) String() string {
	if p.Name == "" {
		return string(p.Actor)
	}
	return string(p.Actor) + " (" + p.Name + ")"
}

// partyKey is the context's key for the acting party.
type partyKey struct{}

// ActingAs returns a context with which every audit entry names the party. Each entry point calls
// it once: the API, a command, a task, a periodic job. The party is kept in the context because one
// request has one actor, and an entry that set its own could name the wrong one.
func ActingAs(ctx context.Context, p Party) context.Context {
	return context.WithValue(ctx, partyKey{}, p)
}

// PartyOf returns the party that the context acts for, or ActorUnknown if no entry point set one.
func PartyOf(ctx context.Context) Party {
	p, ok := ctx.Value(partyKey{}).(Party)
	if !ok || p.Actor == "" {
		p.Actor = ActorUnknown
	}
	return p
}
