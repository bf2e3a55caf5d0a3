package recovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// ErrLocked means that too many of the customer's cards were declined. No client secret is handed
// out for a while.
var ErrLocked = errors.New("too many cards were tried")

// locked returns ErrLocked, with the limit, if the customer may not try another card now. address
// may be empty.
func (d *Service) locked(ctx context.Context, v Page, address string) error {
	now := d.Now()
	since, err := billing.CardTriesSince(ctx, d.Store, v.Customer.ID)
	if err != nil {
		return err
	}
	why, err := d.Tries.Exceeded(ctx, d.Store, v.try("", address, now), since, now)
	if err != nil || why == "" {
		return err
	}
	return fmt.Errorf("%w: %s", ErrLocked, why)
}

// try returns a card try of the customer, for the page's charge and link. An address is counted by
// its network.
func (v Page) try(kind billing.CardTryKind, address string, now time.Time) billing.CardTry {
	t := billing.CardTry{
		ID: billing.NewCardTryID(now), Kind: kind, CustomerID: v.Customer.ID, ChargeID: v.Charge.ID, LinkID: v.Link.ID,
		Address: NetworkOf(address), At: now.Truncate(time.Millisecond),
	}
	if kind == billing.CardTrySetup {
		t.ChargeID = ""
	}
	return t
}

// noteHandout records that a client secret is handed out, so that a decline is counted for the link
// and address it came from.
func (v Page) noteHandout(ctx context.Context, tx billing.Tx, kind billing.CardTryKind, intent, address string, now time.Time) error {
	t := v.try(kind, address, now)
	t.Intent = intent
	_, err := tx.InsertCardTry(ctx, t)
	return err
}
