package catchup

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// look checks whether the database went back in time. If it did, look records the rewind and closes
// the gate. Another process may have found it first.
func (g *Gate) look(ctx context.Context) error {
	marks := g.witnessed(ctx)
	lost, err := g.missing(ctx, marks)
	if err != nil {
		return err
	}
	lineage, err := g.Store.Lineage(ctx)
	if err != nil {
		return err
	}
	incarnation, err := g.Store.Incarnation(ctx)
	if err != nil {
		return err
	}
	now := g.Clock.Now()
	switch {
	case len(lost) > 0:
		err = g.wentBack(ctx, billing.Rewind{
			FoundAt: now, GoodAt: newest(marks, lost), Missing: len(lost),
			How: "committed attempts are missing from the database",
		})
	case incarnation != lineage.Incarnation:
		err = g.wentBack(ctx, billing.Rewind{FoundAt: now, How: fmt.Sprintf("the database was %q and is %q", lineage.Incarnation, incarnation)})
	}
	if err != nil {
		return err
	}
	if incarnation != lineage.Incarnation {
		if err := g.Store.SetIncarnation(ctx, incarnation); err != nil {
			return err
		}
	}
	if len(lost) > 0 {
		if err := g.Witness.Forget(ctx, lost...); err != nil {
			g.Log.Warn().Err(err).Msg("witness not reached")
		}
	}
	return g.heed(ctx)
}

// witnessed returns the marks of the witness; none if the witness can't be reached.
func (g *Gate) witnessed(ctx context.Context) []Mark {
	if g.Witness == nil {
		return nil
	}
	marks, err := g.Witness.Marks(ctx)
	if err != nil {
		g.Log.Warn().Err(err).Msg("witness not reached")
	}
	return marks
}

// missing returns the marks whose attempts are not in the database, with one query.
func (g *Gate) missing(ctx context.Context, marks []Mark) ([]Mark, error) {
	if len(marks) == 0 {
		return nil, nil
	}
	ids := make([]billing.AttemptID, len(marks))
	for i, m := range marks {
		ids[i] = m.Attempt
	}
	found, err := g.Store.KnownAttempts(ctx, ids...)
	if err != nil {
		return nil, err
	}
	known := map[billing.AttemptID]bool{}
	for _, id := range found {
		known[id] = true
	}
	var lost []Mark
	for _, m := range marks {
		if !known[m.Attempt] {
			lost = append(lost, m)
		}
	}
	return lost, nil
}

// newest returns the time of the newest mark that is not lost.
func newest(marks, lost []Mark) time.Time {
	gone := map[billing.AttemptID]bool{}
	for _, m := range lost {
		gone[m.Attempt] = true
	}
	var good time.Time
	for _, m := range marks {
		if !gone[m.Attempt] && m.At.After(good) {
			good = m.At
		}
	}
	return good
}

// wentBack records that the database went back in time. If no mark is left, the time of the last
// sweep is taken as the last good time.
func (g *Gate) wentBack(ctx context.Context, r billing.Rewind) error {
	if r.GoodAt.IsZero() {
		cursor, err := g.Store.PeriodicJobCursor(ctx, SweepJob)
		if err != nil {
			return err
		}
		r.GoodAt = cursor
	}
	r.ID = billing.NewRewindID(r.FoundAt)
	g.Log.Error().Str("how", r.How).Time("good_at", r.GoodAt).Int("missing", r.Missing).
		Msg("the database went back in time: charges wait until Stripe's record is caught up")
	return g.Store.InsertRewind(ctx, r)
}

// heed closes the gate for a rewind that this process has not caught up with.
func (g *Gate) heed(ctx context.Context) error {
	rewinds, err := g.Store.Rewinds(ctx)
	if err != nil || len(rewinds) == 0 {
		return err
	}
	g.mu.Lock()
	newer := rewinds[0].FoundAt.After(g.doubt)
	if newer {
		g.doubt = rewinds[0].FoundAt
	}
	g.mu.Unlock()
	if newer && (rewinds[0].CaughtUpAt.IsZero() || g.Check(ctx) == nil) {
		g.close("the database went back in time")
	}
	return nil
}
