package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tranche/internal/billing"
)

func claimTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"claims of charges":                       claimCharges,
		"claims of events":                        claimEvents,
		"claims of notices":                       claimNotices,
		"claims by many get each row once":        claimByMany,
		"claims of times in different zones":      claimZones,
		"a claim passes over a row being changed": claimPassesOver,
		"ReleaseClaims":                           releaseClaims,
		"ReleaseClaims of a wrong clock":          releaseWrongClock,
	}
}

func claimCharges(t *testing.T, f *fixture) {
	_, charges := f.plan(5)
	now, until := f.now.Add(3*time.Second), f.now.Add(time.Hour)

	claims, err := f.ClaimCharges(t.Context(), f.now.Add(-time.Millisecond), until, 10)
	require.NoError(t, err)
	require.Empty(t, claims, "none is due")

	same(t, []billing.Claim{
		{ChargeID: charges[0].ID, Lease: 1, Status: billing.ChargeScheduled},
		{ChargeID: charges[1].ID, Lease: 1, Status: billing.ChargeScheduled},
	})(f.ClaimCharges(t.Context(), now, until, 2))
	claims, err = f.ClaimCharges(t.Context(), now, until, 10)
	require.NoError(t, err)
	require.Len(t, claims, 2, "a charge is due at the very moment")
	require.Equal(t, charges[2].ID, claims[0].ChargeID)

	want := charges[0]
	want.ClaimAfter, want.Lease = until, 1 // and nothing else: the version stays
	same(t, want)(f.Charge(t.Context(), want.ID))

	// When the leases end, the rows come again, with the next lease.
	claims, err = f.ClaimCharges(t.Context(), until, until.Add(time.Hour), 0)
	require.NoError(t, err)
	require.Len(t, claims, 5)
	require.Equal(t, billing.Claim{ChargeID: charges[4].ID, Lease: 1, Status: billing.ChargeScheduled}, claims[0],
		"the one that was not claimed woke earliest")
	require.Equal(t, int64(2), claims[1].Lease)

	// A caller that read the row before the claim may still change it, and the lease stays.
	want.NextAttemptAt, want.ClaimAfter, want.Status = time.Time{}, time.Time{}, billing.ChargeSucceeded
	f.update(func(tx billing.Tx) error { return tx.UpdateCharge(t.Context(), want) })
	want.Lease, want.Version = 2, want.Version+1
	same(t, want)(f.Charge(t.Context(), want.ID))
}

func claimEvents(t *testing.T, f *fixture) {
	events := f.newEvents(4)
	events[1].Status = billing.EventHandled // although it still has a wake time
	events[2].Status, events[2].ClaimAfter = billing.EventIgnored, time.Time{}
	f.events(events)
	until := f.now.Add(time.Minute)
	same(t, []billing.EventClaim{{EventID: events[0].ID, Lease: 1}, {EventID: events[3].ID, Lease: 1}})(
		f.ClaimEvents(t.Context(), f.now.Add(time.Second), until, 10))
	claims, err := f.ClaimEvents(t.Context(), f.now.Add(time.Second), until, 10)
	require.NoError(t, err)
	require.Empty(t, claims)
	same(t, []billing.EventClaim{{EventID: events[0].ID, Lease: 2}, {EventID: events[3].ID, Lease: 2}})(
		f.ClaimEvents(t.Context(), until, until, 10))
}

func claimNotices(t *testing.T, f *fixture) {
	_, charges := f.plan(1)
	late, early, sent := f.newNotice(charges[0], "late"), f.newNotice(charges[0], "early"), f.newNotice(charges[0], "sent")
	early.ClaimAfter = f.now.Add(-time.Second)
	sent.Status = billing.NoticeSent
	for _, n := range []billing.Notice{late, early, sent} {
		f.notice(n)
	}
	same(t, []billing.NoticeClaim{{NoticeID: early.ID, Lease: 1}, {NoticeID: late.ID, Lease: 1}})(
		f.ClaimNotices(t.Context(), f.now, f.now.Add(time.Minute), 10))
	claimed, err := f.Notice(t.Context(), late.ID)
	require.NoError(t, err)
	require.Equal(t, f.now.Add(time.Minute), claimed.ClaimAfter)
	require.Equal(t, int64(1), claimed.Lease)
}

func claimByMany(t *testing.T, f *fixture) {
	const total, schedulers = 300, 8
	f.plan(total)
	now, until := f.now.Add(time.Hour), f.now.Add(2*time.Hour)
	var mu sync.Mutex
	seen := map[billing.ChargeID]int{}
	var g errgroup.Group
	for range schedulers {
		g.Go(func() error {
			for {
				claims, err := f.ClaimCharges(t.Context(), now, until, 7)
				if err != nil {
					return err
				}
				mu.Lock()
				for _, c := range claims {
					seen[c.ChargeID] += int(c.Lease)
				}
				done := len(seen) == total
				mu.Unlock()
				// An empty answer may mean that others hold the rest at this moment.
				if done {
					return nil
				}
			}
		})
	}
	require.NoError(t, g.Wait())
	for id, leases := range seen {
		require.Equal(t, 1, leases, "%s was claimed once, under lease 1", id)
	}
}

// claimZones wakes charges at times whose texts sort differently from the times themselves.
func claimZones(t *testing.T, f *fixture) {
	p, charges := f.newPlan(f.customer().ID, 3)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, zone := range []*time.Location{
		time.FixedZone("", 14*3600), time.UTC, time.FixedZone("", -11*3600), // 02:00 the next day, 12:00, 01:00
	} {
		charges[i].ClaimAfter = at.Add(time.Duration(i) * time.Millisecond).In(zone)
		charges[i].DueAt, charges[i].NextAttemptAt = charges[i].ClaimAfter, charges[i].ClaimAfter
	}
	f.update(func(tx billing.Tx) error { return tx.InsertPlan(t.Context(), p, charges) })
	now := at.Add(time.Millisecond).In(time.FixedZone("", 5*3600+1800))
	claims, err := f.ClaimCharges(t.Context(), now, now.Add(time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, claims, 2)
	require.Equal(t, charges[0].ID, claims[0].ChargeID)
	require.Equal(t, charges[1].ID, claims[1].ChargeID)
	read, err := f.Charge(t.Context(), charges[2].ID)
	require.NoError(t, err)
	require.Equal(t, at.Add(2*time.Millisecond), read.DueAt, "read in UTC")
}

// claimPassesOver claims while a transaction holds one of the charges. An engine with one writer at
// a time waits instead, so the claim runs concurrently. It must return all the other charges, and
// must not return the held charge in its old state.
func claimPassesOver(t *testing.T, f *fixture) {
	_, charges := f.plan(2)
	held, release := make(chan struct{}), make(chan struct{})
	var claims []billing.Claim
	var g errgroup.Group
	g.Go(func() error {
		return f.Update(t.Context(), func(tx billing.Tx) error {
			c := charges[0]
			c.NextAttemptAt, c.ClaimAfter = time.Time{}, time.Time{}
			err := tx.UpdateCharge(t.Context(), c)
			close(held)
			<-release
			return err
		})
	})
	<-held
	g.Go(func() error {
		var err error
		claims, err = f.ClaimCharges(t.Context(), f.now.Add(time.Hour), f.now.Add(2*time.Hour), 10)
		return err
	})
	close(release)
	require.NoError(t, g.Wait())
	require.Len(t, claims, 1)
	require.Equal(t, charges[1].ID, claims[0].ChargeID)
}

func releaseClaims(t *testing.T, f *fixture) {
	_, charges := f.plan(3)
	now, until := f.now.Add(time.Second), f.now.Add(time.Hour)
	f.events(f.newEvents(2))
	f.notice(f.newNotice(charges[0], "step"))
	done := f.newNotice(charges[0], "done")
	done.Status, done.ClaimAfter = billing.NoticeSent, time.Time{}
	f.notice(done)
	_, err := f.ClaimCharges(t.Context(), now, until, 10) // the first two
	require.NoError(t, err)
	_, err = f.ClaimEvents(t.Context(), now, until, 10)
	require.NoError(t, err)
	_, err = f.ClaimNotices(t.Context(), now, until, 10)
	require.NoError(t, err)

	released, err := f.ReleaseClaims(t.Context(), now, now)
	require.NoError(t, err)
	require.Equal(t, 5, released)
	claims, err := f.ClaimCharges(t.Context(), now, until, 10)
	require.NoError(t, err)
	require.Len(t, claims, 2)
	require.Equal(t, int64(2), claims[0].Lease, "a task with the first lease is stale")
	events, err := f.ClaimEvents(t.Context(), now, until, 10)
	require.NoError(t, err)
	require.Len(t, events, 2)
	notices, err := f.ClaimNotices(t.Context(), now, until, 10)
	require.NoError(t, err)
	require.Len(t, notices, 1)
	same(t, charges[2])(f.Charge(t.Context(), charges[2].ID)) // not due yet, so left alone
	same(t, done)(f.Notice(t.Context(), done.ID))
}

// releaseWrongClock has a process whose clock is 40 days ahead claim everything. What is due wakes,
// and what waits for its time, or is leased for a while, does not.
func releaseWrongClock(t *testing.T, f *fixture) {
	_, charges := f.plan(3)
	f.events(f.newEvents(2))
	f.notice(f.newNotice(charges[0], "step"))
	f.pin("hash")
	d := f.newDunning(charges[0].ID, f.now.Add(24*time.Hour))
	d.RemindAt = d.ClaimAfter
	f.update(func(tx billing.Tx) error { return tx.InsertDunning(t.Context(), d) })
	ahead := f.now.AddDate(0, 0, 40)
	until := ahead.Add(time.Minute)
	f.claimAll(ahead, until)

	now, latest := f.now.Add(time.Second), f.now.Add(2*time.Hour)
	n, err := f.ReleaseClaims(t.Context(), now, latest)
	require.NoError(t, err)
	require.Equal(t, 5, n, "two charges, two events and a notice are due")
	n, err = f.ReleaseClaims(t.Context(), d.RemindAt, d.RemindAt.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 2, n, "the dunning and the third charge, at their time")
	claims, err := f.ClaimCharges(t.Context(), now, now.Add(time.Minute), 10)
	require.NoError(t, err)
	require.Len(t, claims, 2)
	n, err = f.ReleaseClaims(t.Context(), now, latest)
	require.NoError(t, err)
	require.Zero(t, n, "a lease is no wrong clock")
}

// claimAll claims every kind of row that is due.
func (f *fixture) claimAll(now, until time.Time) {
	f.t.Helper()
	_, err := f.ClaimCharges(f.t.Context(), now, until, 10)
	require.NoError(f.t, err)
	_, err = f.ClaimEvents(f.t.Context(), now, until, 10)
	require.NoError(f.t, err)
	_, err = f.ClaimNotices(f.t.Context(), now, until, 10)
	require.NoError(f.t, err)
	_, err = f.ClaimDunnings(f.t.Context(), now, until, 10)
	require.NoError(f.t, err)
}
