package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func ledgerTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"charges of PaymentIntents":     chargesOfPaymentIntents,
		"connected accounts of plans":   connectedAccounts,
		"known events":                  knownEvents,
		"charges of a window, in pages": unreconciledPages,
		"what a window holds":           unreconciledWindow,
		"marks leave the charge alone":  marksLeaveChargesAlone,
	}
}

// ledger is the store as far as it is compared with Stripe's record; every store is.
func ledger(t *testing.T, f *fixture) billing.Ledger {
	t.Helper()
	s, ok := f.Store.(billing.Ledger)
	require.True(t, ok)
	return s
}

// paying adds a plan whose charges each have a PaymentIntent, after change has run on them.
func (f *fixture) paying(n int, change func(i int, c *billing.Charge)) []billing.Charge {
	f.t.Helper()
	p, list := f.newPlan(f.customer().ID, n)
	for i := range list {
		list[i].PaymentIntent = fmt.Sprintf("pi_%s_%05d", p.ID, i)
		if change != nil {
			change(i, &list[i])
		}
	}
	f.update(func(tx billing.Tx) error { return tx.InsertPlan(f.t.Context(), p, list) })
	return list
}

func chargesOfPaymentIntents(t *testing.T, f *fixture) {
	s := ledger(t, f)
	list := f.paying(700, nil)
	var intents []string
	var ids []billing.ChargeID
	for _, c := range list {
		intents, ids = append(intents, c.PaymentIntent, "pi_of_nobody"+c.PaymentIntent), append(ids, c.ID, "ch_none")
	}
	found, err := s.ChargesByPaymentIntents(t.Context(), intents...)
	require.NoError(t, err)
	require.ElementsMatch(t, list, found, "more than one statement names")
	found, err = s.Charges(t.Context(), ids...)
	require.NoError(t, err)
	require.ElementsMatch(t, list, found)
	found, err = s.ChargesByPaymentIntents(t.Context())
	require.NoError(t, err)
	require.Empty(t, found)
}

func knownEvents(t *testing.T, f *fixture) {
	events := f.newEvents(3)
	f.events(events)
	known, err := ledger(t, f).KnownEvents(t.Context(), events[2].ID, "evt_none", events[0].ID, events[0].ID)
	require.NoError(t, err)
	require.Equal(t, []string{events[0].ID, events[2].ID}, known)
}

func unreconciledPages(t *testing.T, f *fixture) {
	s := ledger(t, f)
	same := f.now.Add(time.Second)
	list := f.paying(11, func(i int, c *billing.Charge) {
		if i > 3 {
			c.DueAt = same // many fall due at the same time of day
		}
	})
	run := f.now.Add(time.Hour)
	seen := pages(t, func(after billing.Charge, limit int) ([]billing.Charge, error) {
		return s.UnreconciledCharges(t.Context(), billing.UnreconciledFilter{
			From: f.now, To: run, Run: run, After: after, Limit: limit,
		})
	}, func(c billing.Charge) billing.Charge { return c })
	require.ElementsMatch(t, list, seen)
	n, err := s.CountPayments(t.Context(), f.now, run)
	require.NoError(t, err)
	require.Equal(t, int64(11), n)
}

func unreconciledWindow(t *testing.T, f *fixture) {
	s, day := ledger(t, f), 24*time.Hour
	from, to := f.now, f.now.Add(3*day)
	var want []billing.Charge
	add := func(wanted bool, due time.Duration, change func(c *billing.Charge)) {
		for _, c := range f.paying(1, func(_ int, c *billing.Charge) { c.DueAt = from.Add(due); change(c) }) {
			if wanted {
				want = append(want, c)
			}
		}
	}
	status := func(s billing.ChargeStatus) func(*billing.Charge) {
		return func(c *billing.Charge) { c.Status, c.NextAttemptAt, c.ClaimAfter = s, time.Time{}, time.Time{} }
	}
	add(true, 0, status(billing.ChargeFailed))
	add(true, day, status(billing.ChargeSucceeded))
	add(false, 3*day, status(billing.ChargeSucceeded))
	add(false, day, func(c *billing.Charge) { c.PaymentIntent = "" }) // not begun
	add(true, day, func(c *billing.Charge) { status(billing.ChargeSucceeded)(c); c.PaymentIntent = "" })
	add(true, -day, status(billing.ChargeRequiresAction))
	add(false, -day, status(billing.ChargeFailed))
	add(false, -day, func(c *billing.Charge) { status(billing.ChargeSucceeded)(c); c.PaidAt = from.Add(-time.Hour) })
	add(true, -day, func(c *billing.Charge) { status(billing.ChargeSucceeded)(c); c.PaidAt = from.Add(time.Hour) })
	add(false, -20*day, status(billing.ChargeRequiresAction)) // beyond reach
	found, err := s.UnreconciledCharges(t.Context(), billing.UnreconciledFilter{From: from, To: to, Reach: 10 * day, Run: to})
	require.NoError(t, err)
	require.ElementsMatch(t, want, found)
}

func marksLeaveChargesAlone(t *testing.T, f *fixture) {
	s := ledger(t, f)
	list := f.paying(3, nil)
	first, later := f.now.Add(time.Hour), f.now.Add(2*time.Hour)
	left := func(run time.Time) []billing.Charge {
		t.Helper()
		found, err := s.UnreconciledCharges(t.Context(), billing.UnreconciledFilter{From: f.now, To: later, Run: run})
		require.NoError(t, err)
		return found
	}
	require.NoError(t, s.MarkReconciled(t.Context(), later, list[0].ID))
	require.NoError(t, s.MarkReconciled(t.Context(), first, list[0].ID, list[1].ID, list[1].ID, "ch_none"))
	require.NoError(t, s.MarkReconciled(t.Context(), later))
	require.Equal(t, list[2:], left(first))
	require.Equal(t, list[1:], left(later), "a later mark stays")
	same(t, list[:1])(s.Charges(t.Context(), list[0].ID))
}

func connectedAccounts(t *testing.T, f *fixture) {
	s := ledger(t, f)
	none, err := s.PlanAccounts(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)
	want := map[billing.ChargeID]string{}
	var ids []billing.ChargeID
	for i, account := range []string{"acct_b", "", "acct_a", "acct_b", "acct_c"} {
		p, list := f.newPlan(f.customer().ID, 2)
		p.Account = account
		f.update(func(tx billing.Tx) error { return tx.InsertPlan(t.Context(), p, list) })
		for _, c := range list {
			ids = append(ids, c.ID)
			if account != "" {
				want[c.ID] = account
			}
		}
		require.Len(t, list, 2, i)
	}
	accounts, err := s.PlanAccounts(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"acct_a", "acct_b", "acct_c"}, accounts)
	of, err := s.ChargeAccounts(t.Context(), append(ids, "ch_none")...)
	require.NoError(t, err)
	require.Equal(t, want, of)
}
