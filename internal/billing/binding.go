package billing

import (
	"context"
	"fmt"
	"time"
)

// Binding is what a database remembers of where it belongs, so that a copy of it, or another key,
// can't charge by accident.
type Binding struct {
	Account  string // acct_… of the Stripe account; empty when the key may not read it
	Livemode bool
	Home     string // identity of the database itself; empty when the engine has none
	BoundAt  time.Time
	// Clock is the clock that charges live by, as TRANCHE_CLOCK writes it; RealClock without one, and
	// empty when it is not known.
	Clock string
	// Anchor is an object at Stripe by which the account is known where the key does not tell it.
	Anchor Anchor
}

// RealClock is the Clock of a binding that lives by no simulated clock.
const RealClock = "real"

// Anchor is an object at Stripe that belongs to this database: a key that finds it is of the right
// account.
type Anchor struct {
	ID      string // pi_… or pm_…; empty when none is known
	Account string // the connected account that it is in; empty for the platform's own
}

// Mode is "live" or "test".
func (b Binding) Mode() string {
	if b.Livemode {
		return "live"
	}
	return "test"
}

// String writes the account, mode and place for people.
func (b Binding) String() string {
	account := b.Account
	if account == "" {
		account = "an account the key may not read"
	}
	place := ""
	if b.Home != "" {
		place = ", " + b.Home
	}
	return fmt.Sprintf("%s, %s mode%s", account, b.Mode(), place)
}

// Differs says in words what keeps b, which the database remembers, from being now; "" when nothing
// does. What either side does not know is passed over.
func (b Binding) Differs(now Binding) string {
	switch {
	case b.Livemode != now.Livemode:
		return fmt.Sprintf("the database belongs to %s mode and the key is a %s key", b.Mode(), now.Mode())
	case b.Account != "" && now.Account != "" && b.Account != now.Account:
		return fmt.Sprintf("the database belongs to Stripe account %s and the key to %s", b.Account, now.Account)
	case b.Home != "" && now.Home != "" && b.Home != now.Home:
		return "the database is a copy: it was made for another server or file"
	case b.Clock != "" && now.Clock != "" && b.Clock != now.Clock:
		return fmt.Sprintf("the database lives by the clock %s and this process by the clock %s (TRANCHE_CLOCK)", b.Clock, now.Clock)
	}
	return ""
}

// BindingStore keeps the binding.
type BindingStore interface {
	// Binding reads it. Errors: ErrNotFound before the first use.
	Binding(ctx context.Context) (Binding, error)
	// Bind writes the first binding; when there is one already it changes nothing. It returns the
	// one that holds.
	Bind(ctx context.Context, b Binding) (Binding, error)
	// Rebind replaces the binding.
	Rebind(ctx context.Context, b Binding, entries ...AuditEntry) error
	// CompleteBinding fills in what the binding does not know yet: account, clock and anchor.
	CompleteBinding(ctx context.Context, b Binding) error
	// Anchor finds an object at Stripe that was stored at or after since. Errors: ErrNotFound.
	Anchor(ctx context.Context, since time.Time) (Anchor, error)
	// Home is the identity of the database, which a copy does not share; empty when the engine has
	// none.
	Home(ctx context.Context) (string, error)
}
