package forecast

import (
	"context"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/store/sqlite"
)

// elsewhere returns the declines of other plans, which are not copied, but which the networks count
// against the card. They are read from the real database once for each card and amount, up to the
// start of the forecast.
type elsewhere struct {
	real  billing.Reader
	at    time.Time
	own   map[billing.CardAmount][]time.Time // the declines of the plan itself, which were copied
	known map[billing.CardAmount][]time.Time
}

// declines returns the declines at or after since, oldest first.
func (e *elsewhere) declines(ctx context.Context, of billing.CardAmount, since time.Time) ([]time.Time, error) {
	all, ok := e.known[of]
	if !ok {
		var err error
		if all, err = e.real.CardDeclines(ctx, of, e.at.Add(-dunning.CapWindow)); err != nil {
			return nil, err
		}
		for _, own := range e.own[of] {
			if i := slices.IndexFunc(all, own.Equal); i >= 0 {
				all = slices.Delete(all, i, i+1)
			}
		}
		e.known[of] = all
	}
	return slices.DeleteFunc(slices.Clone(all), func(t time.Time) bool { return t.Before(since) }), nil
}

// declineStore is the store of a world. It adds the declines of other plans.
type declineStore struct {
	*sqlite.Scratch
	seen *elsewhere
}

// Update runs fn in one transaction.
func (w declineStore) Update(ctx context.Context, fn func(tx billing.Tx) error) error {
	return w.Scratch.Update(ctx, func(tx billing.Tx) error { return fn(declineTx{tx, w.seen}) })
}

// declineTx is a transaction of a declineStore.
type declineTx struct {
	billing.Tx
	seen *elsewhere
}

// CardDeclines returns the declines of an amount on a card, in this plan and in others.
func (t declineTx) CardDeclines(ctx context.Context, of billing.CardAmount, since time.Time) ([]time.Time, error) {
	here, err := t.Tx.CardDeclines(ctx, of, since)
	if err != nil || t.seen == nil {
		return here, err
	}
	there, err := t.seen.declines(ctx, of, since)
	all := slices.Concat(here, there)
	slices.SortFunc(all, time.Time.Compare)
	return all, err
}
