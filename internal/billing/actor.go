package billing

import (
	"context"
	"strings"
	"unicode"
)

// Actor names who caused what an audit entry records: a kind, and mostly an id after a colon, such
// as key:1f0c9a44d2b7, cli:ada@ops1 or event:evt_1. It holds no secret and no address of a
// customer.
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
	// ActorStripe is Stripe in an answer to a call. In the work on an event the event is named.
	ActorStripe Actor = "stripe"
	// ActorCustomer is the customer that an entry names. On the recovery page the link is named.
	ActorCustomer Actor = "customer"
	// ActorUnknown stands where an entry point names no actor, which is a fault.
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

// Kind is the part before the colon.
func (a Actor) Kind() ActorKind {
	kind, _, _ := strings.Cut(string(a), ":")
	return ActorKind(kind)
}

// Party is an actor, with the person behind it where the actor stands for several.
type Party struct {
	Actor Actor
	Name  string // free text of the API's caller: the header X-Tranche-Actor
}

// String writes the party for people.
func (p Party) String() string {
	if p.Name == "" {
		return string(p.Actor)
	}
	return string(p.Actor) + " (" + p.Name + ")"
}

// partyKey is the context's key for the acting party.
type partyKey struct{}

// ActingAs has every audit entry that is written with the context name the party. Each entry point
// calls it once: the API, a command, a task, a periodic job. It goes with the context because one
// request has one actor, and an entry that forgot it would name another.
func ActingAs(ctx context.Context, p Party) context.Context {
	return context.WithValue(ctx, partyKey{}, p)
}

// PartyOf is the party that the context acts for; ActorUnknown where no entry point named one.
func PartyOf(ctx context.Context) Party {
	p, ok := ctx.Value(partyKey{}).(Party)
	if !ok || p.Actor == "" {
		p.Actor = ActorUnknown
	}
	return p
}
