package billing

import (
	"context"
	"fmt"
	"time"
)

// Binding records which Stripe account, mode and server a database belongs to, so that neither a
// copy of the database nor another key can charge by accident.
type Binding struct {
	Account  string // acct_… of the Stripe account; empty when the key may not read it
	Livemode bool
	Home     string // identity of the server or file; empty when the engine has none
	BoundAt  time.Time
	// Clock is the clock that charges follow, as TRANCHE_CLOCK names it: RealClock unless it is
	// simulated, and empty when it is not known.
	Clock string
	// Anchor is an object at Stripe that identifies the account when the key may not read the
	// account's id.
	Anchor Anchor
}

// RealClock is the Clock of a binding without a simulated clock.
const RealClock = "real"

// Anchor is an object at Stripe that belongs to this database: a key that can fetch it belongs to
// the right account.
type Anchor struct {
	ID      string // pi_… or pm_…; empty when none is known
	Account string // the connected account that it is in; empty for the platform's own
}

// Mode returns "live" or "test".
func (b Binding) Mode() string {
	if b.Livemode {
		return "live"
	}
	return "test"
}

// String formats account, mode and place for people.
func (b Binding) String() string {
	account := b.Account
	if account == "" {
		account = "an account that the key may not read"
	}
	place := ""
	if b.Home != "" {
		place = ", " + b.Home
	}
	return fmt.Sprintf("%s, %s mode%s", account, b.Mode(), place)
}

// Differs describes the difference between b, the stored binding, and now; "" when they match. A
// field that is empty on either side is not compared.
func (b Binding) Differs(now Binding) string {
	switch {
	case b.Livemode != now.Livemode:
		return fmt.Sprintf("the database belongs to %s mode and the key is a %s key", b.Mode(), now.Mode())
	case b.Account != "" && now.Account != "" && b.Account != now.Account:
		return fmt.Sprintf("the database belongs to Stripe account %s and the key to %s", b.Account, now.Account)
	case b.Home != "" && now.Home != "" && b.Home != now.Home:
		return "the database is a copy: it was made for another server or file"
	case b.Clock != "" && now.Clock != "" && b.Clock != now.Clock:
		return fmt.Sprintf("the database follows the clock %s and this process the clock %s (TRANCHE_CLOCK)", b.Clock, now.Clock)
	}
	return ""
}

// BindingStore keeps the binding.
type BindingStore interface {
	// Binding reads the binding. Errors: ErrNotFound before the first use.
	Binding(ctx context.Context) (Binding, error)
	// Bind stores the first binding, unless the database is bound already. It returns the binding
	// in effect.
	Bind(ctx context.Context, b Binding) (Binding, error)
	// Rebind replaces the binding.
	Rebind(ctx context.Context, b Binding, entries ...AuditEntry) error
	// CompleteBinding fills in the empty fields of the binding: account, clock and anchor.
	CompleteBinding(ctx context.Context, b Binding) error
	// Anchor finds an object at Stripe that was stored at or after since. Errors: ErrNotFound.
	Anchor(ctx context.Context, since time.Time) (Anchor, error)
	// Home returns the identity of the server or file, which a copy of the database does not share;
	// empty when the engine has none.
	Home(ctx context.Context) (string, error)
}
