package billing

import (
	"context"
	"strings"
	"unicode"
)

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
