package recovery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/recovery"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// twoOwed makes a plan of three whose last two charges fell due and were declined.
func (b *bench) twoOwed() billing.Details {
	b.t.Helper()
	p := b.planWith(noFundsCard)
	for _, sequence := range []int{2, 3} {
		b.advance(b.Details(p.Plan.ID).Charges[sequence-1].DueAt.Sub(b.Now()) + time.Second)
		b.Settle()
	}
	p = b.Details(p.Plan.ID)
	require.Equal(b.t, billing.PlanPastDue, p.Plan.Status)
	return p
}

func TestPay_EverythingOwed(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.twoOwed()
		owed := []billing.ChargeID{p.Charges[1].ID, p.Charges[2].ID}
		for sequence := 1; sequence <= 3; sequence++ {
			v, err := b.service.Page(t.Context(), b.open(p, sequence))
			require.NoError(t, err)
			require.Len(t, v.Due, 2, "the page of every charge leads with what is owed")
			require.Equal(t, p.Charges[1].ID, v.Charge.ID)
			require.Equal(t, recovery.StatePay, v.State)
			require.Equal(t, int64(60000), v.Total())
			require.Nil(t, v.NextCharge)
		}

		tok := b.open(p, 1)
		_, err := b.service.Pay(t.Context(), tok, recovery.PayRequest{Charges: owed, Total: 30000, Evidence: evidence()})
		require.ErrorIs(t, err, recovery.ErrNotYours, "the page showed another amount")
		_, err = b.service.Pay(t.Context(), tok, recovery.PayRequest{Charges: []billing.ChargeID{owed[0], owed[0]}, Evidence: evidence()})
		require.ErrorIs(t, err, recovery.ErrNotYours, "a charge is paid once")
		given, err := b.service.Pay(t.Context(), tok, recovery.PayRequest{Charges: owed, Total: 60000, Evidence: evidence()})
		require.NoError(t, err)
		require.Len(t, given, 2)
		for i, h := range given {
			require.Equal(t, owed[i], h.Charge)
			require.NoError(t, b.Pay(h.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}, SetupFutureUsage: "off_session"}))
		}
		b.Settle()
		p = b.Details(p.Plan.ID)
		require.Equal(t, billing.PlanCompleted, p.Plan.Status)
		for _, c := range p.Charges[1:] {
			require.Len(t, b.tookMoney(c), 1)
		}
	})
}

// TestPay_FirstOfTwoOwed has the customer leave between two payments: the second is asked for again
// on the same link.
func TestPay_FirstOfTwoOwed(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.twoOwed()
		tok := b.open(p, 2)
		given, err := b.service.Pay(t.Context(), tok, recovery.PayRequest{Saved: true})
		require.NoError(t, err)
		require.Len(t, given, 2)
		require.NoError(t, b.Pay(given[0].ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: goodCard}}))
		b.Settle()
		v, err := b.service.Page(t.Context(), tok)
		require.NoError(t, err)
		require.Len(t, v.Due, 1)
		require.Equal(t, p.Charges[2].ID, v.Charge.ID)
	})
}

func TestVisit_SavedCardIsBeingCharged(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		p := b.planWith(noFundsCard)
		b.advance(p.Charges[1].DueAt.Sub(b.Now()) + time.Second)
		b.Settle()
		tok := b.open(p, 2)
		_, err := b.Operator().Retry(t.Context(), p.Charges[1].ID)
		require.NoError(t, err)
		v, err := b.service.Page(t.Context(), tok)
		require.NoError(t, err)
		require.Equal(t, recovery.StatePay, v.State, "the card that failed is tried again: the customer may be faster")

		require.NoError(t, b.Store.Update(t.Context(), func(tx billing.Tx) error {
			plan, err := tx.LockPlan(t.Context(), p.Plan.ID)
			require.NoError(t, err)
			card, err := tx.Card(t.Context(), plan.CardID)
			require.NoError(t, err)
			card.ID, card.PaymentMethod, card.Last4 = billing.NewCardID(b.Now()), "pm_other", "1111"
			require.NoError(t, tx.InsertCard(t.Context(), card))
			plan.CardID = card.ID
			return tx.UpdatePlan(t.Context(), plan)
		}))
		v, err = b.service.Page(t.Context(), tok)
		require.NoError(t, err)
		require.Equal(t, recovery.StateCharging, v.State)
		require.Empty(t, v.Due)
		b.advance(lease)
		v, err = b.service.Page(t.Context(), tok)
		require.NoError(t, err)
		require.Equal(t, recovery.StatePay, v.State, "what keeps the worker from it may last")
	})
}

func TestPay_OnRequestNeedsTheMerchant(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		created, err := b.Planner.Create(t.Context(), planning.Request{Terms: terms.Terms{
			Reference: "villa", Kind: billing.KindDeposit, Currency: "eur", Total: 250000, Deposit: 50000, BalanceDue: "on request",
			Customer: terms.Customer{Reference: "ada", Email: "ada@example.com"},
		}})
		require.NoError(t, err)
		require.NoError(t, b.Pay(created.FirstPayment.ClientSecret, stripesim.PaymentDetails{
			Card: &stripesim.Card{Number: goodCard}, SetupFutureUsage: "off_session"}))
		b.Settle()
		p := b.Details(created.Plan.ID)
		balance := p.Charges[1]
		for sequence := 1; sequence <= 2; sequence++ {
			tok := b.open(p, sequence)
			v, err := b.service.Page(t.Context(), tok)
			require.NoError(t, err)
			require.Nil(t, v.NextCharge)
			require.False(t, v.State.Payable())
			given, err := b.payOne(t.Context(), tok, recovery.PayRequest{Charges: []billing.ChargeID{balance.ID}, Saved: true})
			require.NoError(t, err)
			require.Equal(t, recovery.StateWaits, given.State)
			require.Empty(t, given.ClientSecret.Reveal())
		}
		require.Empty(t, b.Details(p.Plan.ID).Charges[1].PaymentIntent)
		trail, err := billing.WholeTrail(t.Context(), b.Store, p.Plan.ID)
		require.NoError(t, err)
		for _, e := range trail {
			require.NotContains(t, e.Message+e.Next, "0001", "no date is written for what has none")
		}

		_, err = b.Operator().Collect(t.Context(), balance.ID, "2026-02-20")
		require.NoError(t, err)
		given, err := b.payOne(t.Context(), b.open(p, 2), recovery.PayRequest{Saved: true})
		require.NoError(t, err)
		require.Equal(t, recovery.StatePayEarly, given.State, "now it may be paid")
	})
}

func TestVisit_NewCardUses(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		own, same, other, over := b.planWith(noFundsCard), b.planWith(noFundsCard), b.plan(), b.plan()
		setCard := func(p billing.Details, card billing.CardID, status billing.PlanStatus) {
			require.NoError(t, b.Store.Update(t.Context(), func(tx billing.Tx) error {
				plan, err := tx.LockPlan(t.Context(), p.Plan.ID)
				require.NoError(t, err)
				plan.CardID, plan.Status = card, status
				return tx.UpdatePlan(t.Context(), plan)
			}))
		}
		card := b.Details(own.Plan.ID).Plan.CardID
		setCard(same, card, billing.PlanPaused)
		setCard(over, card, billing.PlanCanceled)
		v, err := b.service.Page(t.Context(), b.open(own, 2))
		require.NoError(t, err)
		var plans []billing.PlanID
		for _, u := range v.Uses {
			plans = append(plans, u.Plan.ID)
			require.Len(t, u.Charges, 2)
		}
		require.Equal(t, []billing.PlanID{own.Plan.ID, same.Plan.ID}, plans, "a plan with another good card keeps it")

		_, err = b.Operator().RemoveCard(t.Context(), b.Details(other.Plan.ID).Plan.CardID, "")
		require.NoError(t, err)
		v, err = b.service.Page(t.Context(), b.open(own, 2))
		require.NoError(t, err)
		require.Len(t, v.Uses, 3, "a plan without a good card takes the new one")
	})
}
