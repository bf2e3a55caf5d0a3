// Package binding prevents a database from charging on a Stripe account that it does not belong to:
// a copy on a staging machine, or a key of another account or mode, charges nothing until the
// merchant binds the database with a command.
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

// Gateway is Stripe, as Guard needs it to identify the account.
type Gateway interface {
	// Account returns the id of the key's account. Errors: *billing.GatewayError if the key has no
	// permission to read it and Stripe does not name it.
	Account(ctx context.Context) (string, error)
	// Livemode reports whether the key moves real money.
	Livemode() bool
	// PaymentIntent fetches one. Errors: GatewayNotFound.
	PaymentIntent(ctx context.Context, id string) (billing.PaymentIntent, error)
	// PaymentMethod fetches one. Errors: GatewayNotFound.
	PaymentMethod(ctx context.Context, id string) (billing.PaymentMethod, error)
}

// MismatchError reports that the database belongs to another account, mode or place. Nothing is
// charged.
type MismatchError struct{ Why string }

// Error names the difference, and the command that binds the database.
func (e *MismatchError) Error() string {
	return "nothing is charged: " + e.Why + "; if this is meant, run `tranche bind`"
}

// askAgainAfter is how long, in real time, an answer that is not final is reused, because many
// tasks ask.
const askAgainAfter = 2 * time.Second

// Guard checks the binding until it is confirmed, and then remembers that. It is safe for
// concurrent use.
type Guard struct {
	store   billing.BindingStore
	gateway Gateway
	clock   clock.Clock
	agreed  atomic.Bool

	mu    sync.Mutex // one check at a time
	last  error      // of the last check, if it was not final
	asked clock.Instant

	suspected atomic.Pointer[string] // why another account is suspected; nil if it is not
}

// New makes a guard. clk is the clock of charges.
func New(store billing.BindingStore, gateway Gateway, clk clock.Clock) *Guard {
	return &Guard{store: store, gateway: gateway, clock: clk}
}

// Check binds the database at its first use. After that, it checks that the key belongs to the
// database. Errors: *MismatchError; billing.ErrUnavailable if that can't be checked now.
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
		return errors.Join(err, ctx.Err()) // which is not the result for the next caller
	}
	g.last, g.asked = err, g.clock.Instant()
	g.suspect(err)
	g.agreed.Store(final && err == nil)
	return err
}

// check compares key and database. The answer is final once the account is known, or is proved by
// one of its objects. Without any such object, nothing can be charged on a wrong account.
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

// complete adds missing parts to the stored binding. An account is added once it is proved.
func (g *Guard) complete(ctx context.Context, held, present billing.Binding, final bool) error {
	if !final {
		present.Account = ""
	}
	if held.Clock != "" && (held.Account != "" || present.Account == "") && (held.Anchor.ID != "" || present.Anchor.ID == "") {
		return nil
	}
	return g.store.CompleteBinding(ctx, present)
}

// prove fetches an object from Stripe that belongs to this database, the remembered one or any
// other, and returns it. It returns an empty anchor if no object can prove the account.
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
	case billing.NoAccess(err, anchor.Account): // its owner revoked the platform's access
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

// Suspect reports to the guard that Stripe has neither the customer nor the card of a charge, which
// points to another account. Nothing more is done until the account was checked again.
func (g *Guard) Suspect() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.agreed.Store(false)
	g.asked = clock.Instant{}
}

// Confirms asks Stripe again for the key's account, and reports whether it is the database's.
func (g *Guard) Confirms(ctx context.Context) bool {
	g.Suspect()
	if g.Check(ctx) != nil {
		return false
	}
	held, present, err := g.State(ctx)
	return err == nil && held.Account != "" && held.Account == present.Account
}

// suspect stores a mismatch for the alarm.
func (g *Guard) suspect(err error) {
	var mismatch *MismatchError
	if !errors.As(err, &mismatch) {
		g.suspected.Store(nil)
		return
	}
	g.suspected.Store(&mismatch.Why)
}

// Mismatch returns why the last check refused; "" if it did not.
func (g *Guard) Mismatch() string {
	if why := g.suspected.Load(); why != nil {
		return *why
	}
	return ""
}

// State returns the binding that the database stores, and the binding of the present key and place.
// held is the zero Binding before the first use.
func (g *Guard) State(ctx context.Context) (held, present billing.Binding, err error) {
	if held, err = g.store.Binding(ctx); err != nil && !errors.Is(err, billing.ErrNotFound) {
		return held, present, err
	}
	present, err = g.present(ctx)
	return held, present, err
}

// Differs returns how the stored binding differs from the present one, by the rules of Check; "" if
// it does not. It changes nothing.
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

// Rebind makes the database belong to the present key and place. The object that proved the account
// is kept if the present key can fetch it.
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

// boundEntry returns the audit entry of a binding that was replaced.
func boundEntry(held, present billing.Binding) billing.AuditEntry {
	message := "the database belongs to " + present.String()
	if !held.BoundAt.IsZero() {
		message += "; before, it belonged to " + held.String()
	}
	return billing.AuditEntry{At: present.BoundAt, Action: "database.bound", Subject: "database", Message: message}
}

// present returns the binding of the present key and place. If Stripe does not name the account of
// a restricted key, only its mode is known.
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

// hidden reports whether Stripe did not name the key's account: the key is restricted and lacks the
// permission, or the server does not offer the path. A wrong key (401) is a different error.
func hidden(err error) bool {
	var ge *billing.GatewayError
	return billing.NotOffered(err) || errors.As(err, &ge) && ge.Kind == billing.GatewayRejected
}
