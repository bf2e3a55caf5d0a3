// Package binding keeps a database from charging on another Stripe account than the one it belongs to: a copy on a
// staging machine, or a key of another account or mode, charges nothing until somebody binds it on purpose.
package binding

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"tranche/internal/billing"
)

// Gateway is Stripe, as far as it tells who it is.
type Gateway interface {
	// Account is the id of the key's account.
	Account(ctx context.Context) (string, error)
	// Livemode says whether the key moves real money.
	Livemode() bool
}

// MismatchError: the database belongs elsewhere. Nothing is charged.
type MismatchError struct{ Why string }

// Error says what does not fit, and how to bind the database on purpose.
func (e *MismatchError) Error() string {
	return "nothing is charged: " + e.Why + "; if this is meant, run `tranche bind`"
}

// Guard checks the binding once and remembers that it agrees. It is safe for concurrent use.
type Guard struct {
	store   billing.BindingStore
	gateway Gateway
	now     func() time.Time
	agreed  atomic.Bool
}

// New makes a guard.
func New(store billing.BindingStore, gateway Gateway, now func() time.Time) *Guard {
	return &Guard{store: store, gateway: gateway, now: now}
}

// Check binds the database at its first use, and says whether key and database belong together after that. Errors:
// *MismatchError; billing.ErrUnavailable when that can't be found out now.
func (g *Guard) Check(ctx context.Context) error {
	if g.agreed.Load() {
		return nil
	}
	present, err := g.present(ctx)
	if err != nil {
		return err
	}
	held, err := g.store.Bind(ctx, present)
	if err != nil {
		return err
	}
	if why := held.Differs(present); why != "" {
		return &MismatchError{Why: why}
	}
	g.agreed.Store(true)
	return nil
}

// State returns what the database remembers and what is so now. held is the zero Binding before the first use.
func (g *Guard) State(ctx context.Context) (held, present billing.Binding, err error) {
	if held, err = g.store.Binding(ctx); err != nil && !errors.Is(err, billing.ErrNotFound) {
		return held, present, err
	}
	present, err = g.present(ctx)
	return held, present, err
}

// Rebind makes the database belong to the present key and place.
func (g *Guard) Rebind(ctx context.Context) error {
	present, err := g.present(ctx)
	if err != nil {
		return err
	}
	return g.store.Rebind(ctx, present)
}

// present is what is so now. A key that may not read its account is known by its mode alone.
func (g *Guard) present(ctx context.Context) (billing.Binding, error) {
	home, err := g.store.Home(ctx)
	if err != nil {
		return billing.Binding{}, err
	}
	account, err := g.gateway.Account(ctx)
	var ge *billing.GatewayError
	if errors.As(err, &ge) && mayNotRead(ge) {
		account, err = "", nil
	}
	if err != nil {
		return billing.Binding{}, fmt.Errorf("ask Stripe which account the key belongs to: %w", err)
	}
	return billing.Binding{Account: account, Livemode: g.gateway.Livemode(), Home: home, BoundAt: g.now()}, nil
}

// mayNotRead says whether Stripe refused to tell the account: a restricted key without the permission, or a server
// that does not know the question. A wrong key (401) is something else.
func mayNotRead(e *billing.GatewayError) bool {
	return e.HTTPStatus == 403 || e.Kind == billing.GatewayNotFound || e.Kind == billing.GatewayRejected
}
