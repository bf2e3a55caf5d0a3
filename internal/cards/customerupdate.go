package cards

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// CustomerUpdater writes a changed e-mail address or name to every Stripe customer of the customer:
// in the platform's own account and in connected accounts. It retries until that succeeds. No lease
// is needed: writing the same data twice does no harm.
type CustomerUpdater struct {
	Store   billing.Store
	Gateway billing.Gateway
}

const (
	// customerSoon is the wait before a retry when Stripe could not be reached.
	customerSoon = 5 * time.Minute
	// customerRefused is the wait before a retry when Stripe refused the change.
	customerRefused = 24 * time.Hour
)

// Run updates every customer whose time has come, and returns how many were updated. It ends early
// if Stripe does not respond. Errors: billing.ErrUnavailable; the *billing.GatewayError that ended
// the run, after which the remaining customers wait for the next run.
func (u CustomerUpdater) Run(ctx context.Context, now time.Time) (done int, err error) {
	for {
		customers, err := u.Store.CustomersToUpdate(ctx, now)
		if err != nil || len(customers) == 0 {
			return done, err
		}
		for _, customer := range customers {
			ok, err := u.one(ctx, customer, now)
			if err != nil {
				return done, err
			}
			if ok {
				done++
			}
		}
	}
}

// one updates one customer at Stripe and records the outcome.
func (u CustomerUpdater) one(ctx context.Context, c billing.Customer, now time.Time) (ok bool, err error) {
	cards, err := u.Store.Cards(ctx, c.ID)
	if err != nil {
		return false, err
	}
	failure := u.write(ctx, c, c.AtStripe(cards))
	if err := ctx.Err(); err != nil {
		return false, err
	}
	entry := billing.AuditEntry{
		At: now, Action: "customer.updated_at_stripe", CustomerID: c.ID, Message: "e-mail address and name are written to the customer at Stripe",
	}
	next, final := time.Time{}, true
	var ge *billing.GatewayError
	switch {
	case failure == nil:
	case errors.As(failure, &ge) && !ge.Resend():
		next = now.Add(customerRefused)
		entry.Action, entry.Message = "customer.stripe_update_failed", "e-mail address and name are not written to the customer at Stripe, which refuses: "+ge.Failure.Message
		entry.Next = "mails go to the new address; Stripe is asked again tomorrow"
	default:
		next, final = now.Add(customerSoon), false
	}
	err = u.Store.Update(ctx, func(tx billing.Tx) error {
		if err := tx.UpdateStripeUpdate(ctx, c, next); err != nil || !final {
			return err
		}
		return tx.InsertAudit(ctx, entry)
	})
	if !final {
		err = errors.Join(err, failure)
	}
	return failure == nil && err == nil, err
}

// write sends the change to each Stripe customer. Stripe customers that were deleted are skipped.
func (u CustomerUpdater) write(ctx context.Context, c billing.Customer, all []billing.StripeCustomer) error {
	for _, at := range all {
		// Each version and try has its own key: an old failure must not be replayed.
		key := fmt.Sprintf("customer-%s-%d-%d", at.ID, c.Version, c.StripeUpdateAt.UnixMilli())
		err := u.Gateway.UpdateCustomer(billing.OnAccount(ctx, at.Account), key, at.ID, billing.CustomerParams{Email: c.Email, Name: c.Name})
		if err != nil && !errors.Is(err, billing.ErrNotFound) {
			return err
		}
	}
	return nil
}
