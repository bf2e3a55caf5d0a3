package forecast

import (
	"context"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/store/sqlite"
)

// elsewhere knows the declines that the networks count against a card and that happened in other plans, which are not
// copied. They are read from the real database once for each card, up to the moment the forecast begins.
type elsewhere struct {
	real  billing.Reader
	at    time.Time
	own   map[string][]time.Time // the plan's own, by fingerprint, which were copied
	known map[string][]time.Time
}

// declines lists those at or after since, oldest first.
func (e *elsewhere) declines(ctx context.Context, fingerprint string, since time.Time) ([]time.Time, error) {
	all, ok := e.known[fingerprint]
	if !ok {
		var err error
		if all, err = e.real.CardDeclines(ctx, fingerprint, e.at.Add(-dunning.CapWindow)); err != nil {
			return nil, err
		}
		for _, own := range e.own[fingerprint] {
			if i := slices.IndexFunc(all, own.Equal); i >= 0 {
				all = slices.Delete(all, i, i+1)
			}
		}
		e.known[fingerprint] = all
	}
	return slices.DeleteFunc(slices.Clone(all), func(t time.Time) bool { return t.Before(since) }), nil
}

// witness is the store of a world, which remembers what happened elsewhere, too.
type witness struct {
	*sqlite.Scratch
	seen *elsewhere
}

// Update runs fn in one transaction.
func (w witness) Update(ctx context.Context, fn func(tx billing.Tx) error) error {
	return w.Scratch.Update(ctx, func(tx billing.Tx) error { return fn(witnessTx{tx, w.seen}) })
}

// witnessTx is a transaction of it.
type witnessTx struct {
	billing.Tx
	seen *elsewhere
}

// CardDeclines lists the declines on a card, here and elsewhere.
func (t witnessTx) CardDeclines(ctx context.Context, fingerprint string, since time.Time) ([]time.Time, error) {
	here, err := t.Tx.CardDeclines(ctx, fingerprint, since)
	if err != nil || t.seen == nil {
		return here, err
	}
	there, err := t.seen.declines(ctx, fingerprint, since)
	all := slices.Concat(here, there)
	slices.SortFunc(all, time.Time.Compare)
	return all, err
}
