package billing

import (
	"context"
	"fmt"
	"time"
)

// Binding is what a database remembers of where it belongs, so that a copy of it, or another key, can't charge by
// accident.
type Binding struct {
	Account  string // acct_… of the Stripe account; empty when the key may not read it
	Livemode bool
	Home     string // identity of the database itself; empty when the engine has none
	BoundAt  time.Time
}

// Mode is "live" or "test".
func (b Binding) Mode() string {
	if b.Livemode {
		return "live"
	}
	return "test"
}

// Differs says in words what keeps b, which the database remembers, from being now; "" when nothing does. What either
// side does not know is passed over.
func (b Binding) Differs(now Binding) string {
	switch {
	case b.Livemode != now.Livemode:
		return fmt.Sprintf("the database belongs to %s mode and the key is a %s key", b.Mode(), now.Mode())
	case b.Account != "" && now.Account != "" && b.Account != now.Account:
		return fmt.Sprintf("the database belongs to Stripe account %s and the key to %s", b.Account, now.Account)
	case b.Home != "" && now.Home != "" && b.Home != now.Home:
		return "the database is a copy: it was made for another server or file"
	}
	return ""
}

// BindingStore keeps the binding.
type BindingStore interface {
	// Binding reads it. Errors: ErrNotFound before the first use.
	Binding(ctx context.Context) (Binding, error)
	// Bind writes the first binding; when there is one already it changes nothing. It returns the one that holds.
	Bind(ctx context.Context, b Binding) (Binding, error)
	// Rebind replaces the binding.
	Rebind(ctx context.Context, b Binding) error
	// Home is the identity of the database, which a copy does not share; empty when the engine has none.
	Home(ctx context.Context) (string, error)
}
