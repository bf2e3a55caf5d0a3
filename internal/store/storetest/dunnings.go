package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func dunningTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"round trip of a dunning":             roundTripDunning,
		"claims of dunnings":                  claimDunnings,
		"an open dunning has a time":          openDunningHasATime,
		"a policy is kept as it was":          pinnedPolicy,
		"declines of a card, over all plans":  cardDeclines,
		"of many declines, the latest of all": manyCardDeclines,
	}
}

// pin keeps a policy to refer to.
func (f *fixture) pin(hash string) billing.PinnedPolicy {
	f.t.Helper()
	p := billing.PinnedPolicy{Hash: hash, Name: "default", Content: []byte(`{"name": "default"}`), CreatedAt: f.now}
	f.update(func(tx billing.Tx) error { return tx.PinPolicy(f.t.Context(), p) })
	return p
}

func (f *fixture) newDunning(charge billing.ChargeID, wake time.Time) billing.Dunning {
	return billing.Dunning{
		ChargeID: charge, Status: billing.DunningOpen, Policy: "hash", BeganAt: f.now, DeadlineAt: f.now.Add(720 * time.Hour), ClaimAfter: wake,
	}
}

func roundTripDunning(t *testing.T, f *fixture) {
	card := f.fullPlan(1).CardID
	_, charges := f.plan(1)
	f.pin("hash")
	f.pin("other")
	var d, changed billing.Dunning
	fill(&d, 1)
	d.ChargeID, d.Status, d.Policy, d.CardID = charges[0].ID, billing.DunningOpen, "hash", card
	fill(&changed, 2)
	changed.ChargeID, changed.Status, changed.Policy, changed.CardID = d.ChargeID, billing.DunningClosed, "other", ""
	changed.ClaimAfter, changed.RemindAt, changed.FinalAt, changed.Replacing = time.Time{}, time.Time{}, time.Time{}, ""
	f.update(func(tx billing.Tx) error { return tx.InsertDunning(t.Context(), d) })
	same(t, d)(f.Dunning(t.Context(), d.ChargeID))
	f.update(func(tx billing.Tx) error {
		require.ErrorIs(t, tx.InsertDunning(t.Context(), d), billing.ErrExists)
		return nil
	})
	f.update(func(tx billing.Tx) error { return tx.UpdateDunning(t.Context(), changed) })
	changed.Lease = d.Lease // only a claim changes it
	same(t, changed)(f.Dunning(t.Context(), d.ChargeID))
}

func claimDunnings(t *testing.T, f *fixture) {
	_, charges := f.plan(3)
	f.pin("hash")
	late, early, closed := f.newDunning(charges[0].ID, f.now), f.newDunning(charges[1].ID, f.now.Add(-time.Second)), f.newDunning(charges[2].ID, time.Time{})
	closed.Status = billing.DunningClosed
	f.update(func(tx billing.Tx) error {
		for _, d := range []billing.Dunning{late, early, closed} {
			if err := tx.InsertDunning(t.Context(), d); err != nil {
				return err
			}
		}
		return nil
	})
	until := f.now.Add(time.Minute)
	same(t, []billing.DunningClaim{{ChargeID: early.ChargeID, Lease: 1}, {ChargeID: late.ChargeID, Lease: 1}})(
		f.ClaimDunnings(t.Context(), f.now, until, 10))
	claims, err := f.ClaimDunnings(t.Context(), f.now, until, 10)
	require.NoError(t, err)
	require.Empty(t, claims)
	early.ClaimAfter, early.Lease = until, 1
	same(t, early)(f.Dunning(t.Context(), early.ChargeID))
}

func openDunningHasATime(t *testing.T, f *fixture) {
	_, charges := f.plan(1)
	f.pin("hash")
	err := f.Update(t.Context(), func(tx billing.Tx) error {
		return tx.InsertDunning(t.Context(), f.newDunning(charges[0].ID, time.Time{}))
	})
	require.Error(t, err, "a dunning without a wake time would never be claimed")
}

func pinnedPolicy(t *testing.T, f *fixture) {
	p := f.pin("hash")
	again := p
	again.Name, again.Content = "other", []byte(`{}`)
	f.update(func(tx billing.Tx) error { return tx.PinPolicy(t.Context(), again) })
	same(t, p)(f.PinnedPolicy(t.Context(), "hash"))
}

func cardDeclines(t *testing.T, f *fixture) {
	_, mine := f.plan(1)
	_, theirs := f.plan(1) // another customer with the same card
	other := f.planWith(billing.PlanActive, func(c *billing.Charge) { c.Amount++ })
	made := func(charge billing.ChargeID, number int, o billing.Outcome, fingerprint string, ago time.Duration) billing.Attempt {
		a := f.newAttempt(charge, number, o)
		a.Fingerprint, a.CreatedAt = fingerprint, f.now.Add(-ago)
		return a
	}
	f.update(func(tx billing.Tx) error {
		for _, a := range []billing.Attempt{
			made(mine[0].ID, 1, billing.OutcomeDeclined, "fp_1", 3*time.Hour),
			made(mine[0].ID, 2, billing.OutcomeDeclined, "fp_2", 2*time.Hour),
			made(mine[0].ID, 3, billing.OutcomeSucceeded, "fp_1", time.Hour),
			made(theirs[0].ID, 1, billing.OutcomeDeclined, "fp_1", time.Minute),
			made(theirs[0].ID, 2, billing.OutcomeDeclined, "fp_1", 4*time.Hour), // before the window
			made(theirs[0].ID, 3, billing.OutcomeDeclined, "", time.Minute),
			made(other.ID, 1, billing.OutcomeDeclined, "fp_1", time.Minute), // another amount
		} {
			if err := tx.InsertAttempt(t.Context(), a); err != nil {
				return err
			}
		}
		return nil
	})
	same(t, []time.Time{f.now.Add(-3 * time.Hour), f.now.Add(-time.Minute)})(f.CardDeclines(t.Context(), mine[0].On("fp_1"), f.now.Add(-3*time.Hour)))
	same(t, []time.Time{f.now.Add(-time.Minute)})(f.CardDeclines(t.Context(), other.On("fp_1"), f.now.Add(-3*time.Hour)))
	none, err := f.CardDeclines(t.Context(), mine[0].On("fp_3"), f.now.Add(-3*time.Hour))
	require.NoError(t, err)
	require.Empty(t, none)
}

func manyCardDeclines(t *testing.T, f *fixture) {
	_, charges := f.plan(1)
	f.update(func(tx billing.Tx) error {
		for i := range 120 {
			a := f.newAttempt(charges[0].ID, i+1, billing.OutcomeDeclined)
			a.Fingerprint, a.CreatedAt = "fp", f.now.Add(time.Duration(i)*time.Minute)
			if err := tx.InsertAttempt(t.Context(), a); err != nil {
				return err
			}
		}
		return nil
	})
	list, err := f.CardDeclines(t.Context(), charges[0].On("fp"), f.now)
	require.NoError(t, err)
	require.Len(t, list, 100)
	require.Equal(t, f.now.Add(119*time.Minute), list[99])
	require.True(t, list[0].Before(list[1]))
}
