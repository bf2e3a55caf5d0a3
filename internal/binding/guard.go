// Package binding keeps a database from charging on another Stripe account than the one it belongs
// to: a copy on a staging machine, or a key of another account or mode, charges nothing until
// somebody binds it on purpose.
package binding

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

// Gateway is Stripe, as far as it tells who it is.
type Gateway interface {
	// Account is the id of the key's account. Errors: *billing.GatewayError when the key may not
	// read it and Stripe does not name it.
	Account(ctx context.Context) (string, error)
	// Livemode says whether the key moves real money.
	Livemode() bool
	// PaymentIntent fetches one. Errors: GatewayNotFound.
	PaymentIntent(ctx context.Context, id string) (billing.PaymentIntent, error)
	// PaymentMethod fetches one. Errors: GatewayNotFound.
	PaymentMethod(ctx context.Context, id string) (billing.PaymentMethod, error)
}

// MismatchError: the database belongs elsewhere. Nothing is charged.
type MismatchError struct{ Why string }

// Error says what does not fit, and how to bind the database on purpose.
func (e *MismatchError) Error() string {
	return "nothing is charged: " + e.Why + "; if this is meant, run `tranche bind`"
}

// askAgainAfter is the real time for which an answer that is not final is given again: many tasks
// ask.
const askAgainAfter = 2 * time.Second

// Guard checks the binding once and remembers that it agrees. It is safe for concurrent use.
type Guard struct {
	store   billing.BindingStore
	gateway Gateway
	clock   clock.Clock
	agreed  atomic.Bool

	mu    sync.Mutex // one check at a time
	last  error      // of the last check, when it was not final
	asked clock.Instant

	suspected atomic.Pointer[string] // why another account is suspected; nil when it is not
}

// New makes a guard. clk is the clock that charges live by.
func New(store billing.BindingStore, gateway Gateway, clk clock.Clock) *Guard {
	return &Guard{store: store, gateway: gateway, clock: clk}
}

// Check binds the database at its first use, and says whether key and database belong together
// after that. Errors: *MismatchError; billing.ErrUnavailable when that can't be found out now.
func (g *Guard) Check(ctx context.Context) error {
	if g.agreed.Load() {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.agreed.Load() {
		return nil
	}
	if g.asked != (clock.Instant{}) && g.clock.Since(g.asked) < askAgainAfter {
		return g.last
	}
	final, err := g.check(ctx)
	if ctx.Err() != nil {
		return errors.Join(err, ctx.Err()) // which says nothing to the next caller
	}
	g.last, g.asked = err, g.clock.Instant()
	g.suspect(err)
	g.agreed.Store(final && err == nil)
	return err
}

// check compares key and database. The answer is final once the account is known, or proved by an
// object of its: before there is any, nothing can be charged on a wrong account.
func (g *Guard) check(ctx context.Context) (final bool, err error) {
	present, err := g.present(ctx)
	if err != nil {
		return false, err
	}
	held, err := g.store.Bind(ctx, present)
	if err != nil {
		return false, err
	}
	if why := held.Differs(present); why != "" {
		return false, &MismatchError{Why: why}
	}
	if present.Account == "" || held.Account == "" {
		if present.Anchor, err = g.prove(ctx, held.Anchor, held.BoundAt); err != nil {
			return false, err
		}
		final = present.Anchor.ID != ""
	} else {
		final = true
	}
	return final, g.complete(ctx, held, present, final)
}

// complete remembers what the binding did not know. An account is remembered once it is proved.
func (g *Guard) complete(ctx context.Context, held, present billing.Binding, final bool) error {
	if !final {
		present.Account = ""
	}
	if held.Clock != "" && (held.Account != "" || present.Account == "") && (held.Anchor.ID != "" || present.Anchor.ID == "") {
		return nil
	}
	return g.store.CompleteBinding(ctx, present)
}

// prove fetches an object that belongs to this database, the one that is remembered or any, and
// returns it. It returns an empty one when there is none that can tell.
func (g *Guard) prove(ctx context.Context, anchor billing.Anchor, since time.Time) (billing.Anchor, error) {
	var err error
	if anchor.ID == "" {
		anchor, err = g.store.Anchor(ctx, since)
		if errors.Is(err, billing.ErrNotFound) {
			return billing.Anchor{}, nil
		}
		if err != nil {
			return billing.Anchor{}, err
		}
	}
	err = g.fetch(ctx, anchor)
	var ge *billing.GatewayError
	switch {
	case err == nil:
		return anchor, nil
	case billing.NoAccess(err, anchor.Account): // its owner took the platform's access back
		return billing.Anchor{}, nil
	case errors.Is(err, billing.ErrNotFound):
		return anchor, &MismatchError{Why: fmt.Sprintf("the key's Stripe account does not have %s, which belongs to this database", anchor.ID)}
	case errors.As(err, &ge) && ge.HTTPStatus == http.StatusForbidden:
		return anchor, &MismatchError{Why: fmt.Sprintf(
			"the key may read neither its account nor %s, so it is not known whose it is; give it the permission to read PaymentIntents and PaymentMethods", anchor.ID)}
	}
	return anchor, fmt.Errorf("look for %s at Stripe: %w", anchor.ID, err)
}

func (g *Guard) fetch(ctx context.Context, a billing.Anchor) error {
	ctx = billing.OnAccount(ctx, a.Account)
	if len(a.ID) > 3 && a.ID[:3] == "pm_" {
		_, err := g.gateway.PaymentMethod(ctx, a.ID)
		return err
	}
	_, err := g.gateway.PaymentIntent(ctx, a.ID)
	return err
}

// Suspect takes the news that Stripe knows neither the customer nor the card of a charge, which
// means another account. Nothing more is done until the account was checked again.
func (g *Guard) Suspect() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.agreed.Store(false)
	g.asked = clock.Instant{}
}

// Confirms asks Stripe again which account the key belongs to, and reports whether Stripe names the
// database's.
func (g *Guard) Confirms(ctx context.Context) bool {
	g.Suspect()
	if g.Check(ctx) != nil {
		return false
	}
	held, present, err := g.State(ctx)
	return err == nil && held.Account != "" && held.Account == present.Account
}

// suspect remembers a mismatch for the alarm.
func (g *Guard) suspect(err error) {
	var mismatch *MismatchError
	if !errors.As(err, &mismatch) {
		g.suspected.Store(nil)
		return
	}
	g.suspected.Store(&mismatch.Why)
}

// Mismatch returns why the last check refused; empty when it did not.
func (g *Guard) Mismatch() string {
	if why := g.suspected.Load(); why != nil {
		return *why
	}
	return ""
}

// State returns what the database remembers and what is so now. held is the zero Binding before the
// first use.
func (g *Guard) State(ctx context.Context) (held, present billing.Binding, err error) {
	if held, err = g.store.Binding(ctx); err != nil && !errors.Is(err, billing.ErrNotFound) {
		return held, present, err
	}
	present, err = g.present(ctx)
	return held, present, err
}

// Differs says what keeps what the database remembers from being now, as Check does; "" when
// nothing does. It changes nothing.
func (g *Guard) Differs(ctx context.Context, held, present billing.Binding) (string, error) {
	if why := held.Differs(present); why != "" || held.BoundAt.IsZero() || held.Account != "" && present.Account != "" {
		return why, nil
	}
	_, err := g.prove(ctx, held.Anchor, held.BoundAt)
	if mismatch, ok := errors.AsType[*MismatchError](err); ok {
		return mismatch.Why, nil
	}
	return "", err
}

// Rebind makes the database belong to the present key and place. An object that the key finds stays
// the proof; others are those of the account before.
func (g *Guard) Rebind(ctx context.Context) error {
	held, present, err := g.State(ctx)
	if err != nil {
		return err
	}
	anchor, err := g.prove(ctx, held.Anchor, time.Time{})
	var mismatch *MismatchError
	switch {
	case err == nil:
		present.Anchor = anchor
	case !errors.As(err, &mismatch):
		return err
	}
	return g.store.Rebind(ctx, present, boundEntry(held, present))
}

// boundEntry is the audit entry of a binding that was replaced.
func boundEntry(held, present billing.Binding) billing.AuditEntry {
	message := "the database belongs to " + present.String()
	if !held.BoundAt.IsZero() {
		message += "; before, it belonged to " + held.String()
	}
	return billing.AuditEntry{At: present.BoundAt, Action: "database.bound", Subject: "database", Message: message}
}

// present is what is so now. A key that may not read its account, and is not told it, is known by
// its mode alone.
func (g *Guard) present(ctx context.Context) (billing.Binding, error) {
	home, err := g.store.Home(ctx)
	if err != nil {
		return billing.Binding{}, err
	}
	account, err := g.gateway.Account(billing.OnAccount(ctx, ""))
	if hidden(err) {
		account, err = "", nil
	}
	if err != nil {
		return billing.Binding{}, fmt.Errorf("ask Stripe which account the key belongs to: %w", err)
	}
	lives := g.clock.String()
	if lives == "" {
		lives = billing.RealClock
	}
	return billing.Binding{Account: account, Livemode: g.gateway.Livemode(), Home: home, BoundAt: g.clock.Now(), Clock: lives}, nil
}

// hidden reports whether Stripe refused to name the key's account: a restricted key without the
// permission, or a server that does not know the path, whatever the body of its answer. A wrong key
// (401) is something else.
func hidden(err error) bool {
	var ge *billing.GatewayError
	return billing.NotOffered(err) || errors.As(err, &ge) && ge.Kind == billing.GatewayRejected
}
