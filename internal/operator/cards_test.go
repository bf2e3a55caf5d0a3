package operator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store/storetest"
)

// wallet is a customer with a running plan on the first of two cards.
type wallet struct {
	billing.Store
	t     *testing.T
	plan  billing.Plan
	first billing.CardID
	other billing.CardID
}

func eachWallet(t *testing.T, test func(w wallet)) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		plan, _, other := threeCharges(t, s, cell{billing.PlanActive, billing.ChargeScheduled})
		test(wallet{Store: s, t: t, plan: plan, first: plan.CardID, other: other})
	})
}

// operator makes changes at now, without rules.
func (w wallet) operator() *operator.Operator { return newOperator(w) }

// change updates a card in the database.
func (w wallet) change(id billing.CardID, fn func(c *billing.Card)) {
	w.t.Helper()
	require.NoError(w.t, w.Update(w.t.Context(), func(tx billing.Tx) error {
		c, err := tx.Card(w.t.Context(), id)
		require.NoError(w.t, err)
		fn(&c)
		return tx.UpdateCard(w.t.Context(), c)
	}))
}

func (w wallet) consented() {
	w.t.Helper()
	require.NoError(w.t, w.Update(w.t.Context(), func(tx billing.Tx) error {
		p, err := tx.LockPlan(w.t.Context(), w.plan.ID)
		require.NoError(w.t, err)
		p.BackupCards = true
		return tx.UpdatePlan(w.t.Context(), p)
	}))
}

func cardIDs(cards []billing.Card) (list []billing.CardID) {
	for _, c := range cards {
		list = append(list, c.ID)
	}
	return list
}

func TestCardsAreOrderedAndOneIsMadeTheDefault(t *testing.T) {
	eachWallet(t, func(w wallet) {
		ctx := w.t.Context()
		done, err := w.operator().OrderCards(ctx, w.plan.CustomerID, []billing.CardID{w.other, w.first})
		require.NoError(w.t, err)
		require.Equal(w.t, []billing.CardID{w.other, w.first}, cardIDs(done.Cards))
		require.Equal(w.t, []int{1, 2}, []int{done.Cards[0].Position, done.Cards[1].Position})

		done, err = w.operator().DefaultCard(ctx, w.first)
		require.NoError(w.t, err)
		require.Equal(w.t, []billing.CardID{w.first, w.other}, cardIDs(done.Cards))
		require.Equal(w.t, []int{1, 2}, []int{done.Cards[0].Position, done.Cards[1].Position})
		cards, err := w.Cards(ctx, w.plan.CustomerID)
		require.NoError(w.t, err)
		require.Equal(w.t, cardIDs(done.Cards), cardIDs(billing.CardsInOrder(cards, "", now)), "it is what the database says")
		var refused *operator.RefusedError
		_, err = w.operator().DefaultCard(ctx, w.first)
		require.ErrorAs(w.t, err, &refused)

		// A card without a position that becomes the default moves only cards that have one.
		w.change(w.other, func(c *billing.Card) { c.Position = 0 })
		done, err = w.operator().DefaultCard(ctx, w.other)
		require.NoError(w.t, err)
		require.Equal(w.t, []int{1, 2}, []int{done.Cards[0].Position, done.Cards[1].Position})
		require.Equal(w.t, w.other, done.Cards[0].ID)
	})
}

func TestWhatOrdersOfCardsAreRefused(t *testing.T) {
	eachWallet(t, func(w wallet) {
		ctx := w.t.Context()
		var invalid *billing.InvalidError
		for _, list := range [][]billing.CardID{{}, {w.first, w.first}, {"card_none"}} {
			_, err := w.operator().OrderCards(ctx, w.plan.CustomerID, list)
			require.ErrorAs(w.t, err, &invalid, "%v", list)
		}
		w.change(w.other, func(c *billing.Card) { c.Status = billing.CardRevoked })
		var refused *operator.RefusedError
		_, err := w.operator().OrderCards(ctx, w.plan.CustomerID, []billing.CardID{w.other})
		require.ErrorAs(w.t, err, &refused)
		_, err = w.operator().DefaultCard(ctx, w.other)
		require.ErrorAs(w.t, err, &refused)
		_, err = w.operator().DefaultCard(ctx, "card_none")
		require.ErrorIs(w.t, err, billing.ErrNotFound)
	})
}

func TestAHeldCardIsReleased(t *testing.T) {
	eachWallet(t, func(w wallet) {
		ctx := w.t.Context()
		var refused *operator.RefusedError
		_, err := w.operator().ReleaseCard(ctx, w.first, "")
		require.ErrorAs(w.t, err, &refused, "nothing stands against it")
		w.change(w.first, func(c *billing.Card) { c.Hold = "another brand" })
		_, err = w.operator().With(operator.Options{DryRun: true}).ReleaseCard(ctx, w.first, "")
		require.NoError(w.t, err)
		card, err := w.Card(ctx, w.first)
		require.NoError(w.t, err)
		require.NotEmpty(w.t, card.Hold, "a rehearsal changes nothing")
		done, err := w.operator().ReleaseCard(ctx, w.first, "Ada agreed on the phone")
		require.NoError(w.t, err)
		require.Contains(w.t, done.Message, "Ada agreed on the phone")
		card, err = w.Card(ctx, w.first)
		require.NoError(w.t, err)
		require.True(w.t, card.Chargeable())
		w.change(w.first, func(c *billing.Card) { c.Status, c.Hold = billing.CardRevoked, "stolen" })
		_, err = w.operator().ReleaseCard(ctx, w.first, "")
		require.ErrorAs(w.t, err, &refused, "who withdrew it is not overruled")
	})
}

func TestWhatBecomesOfThePlansOfARemovedCard(t *testing.T) {
	for name, test := range map[string]struct {
		before func(w wallet)
		to     func(w wallet) billing.CardID
		card   func(w wallet) billing.CardID // of the plan, after it
		why    string
	}{
		"the customer agreed to another": {
			before: wallet.consented, card: func(w wallet) billing.CardID { return w.other }, why: "next in order"},
		"the customer did not agree": {
			card: func(w wallet) billing.CardID { return w.first }, why: "did not agree"},
		"there is no other": {
			before: func(w wallet) { w.consented(); w.change(w.other, func(c *billing.Card) { c.Hold = "held" }) },
			card:   func(w wallet) billing.CardID { return w.first }, why: "no other card"},
		"the merchant named one": {
			to: func(w wallet) billing.CardID { return w.other }, card: func(w wallet) billing.CardID { return w.other }, why: "the merchant named it"},
	} {
		t.Run(name, func(t *testing.T) {
			eachWallet(t, func(w wallet) {
				ctx := w.t.Context()
				w.change(w.first, func(c *billing.Card) { c.Position = 1 })
				w.change(w.other, func(c *billing.Card) { c.Position = 2 })
				if test.before != nil {
					test.before(w)
				}
				to := billing.CardID("")
				if test.to != nil {
					to = test.to(w)
				}
				would, err := w.operator().With(operator.Options{DryRun: true}).RemoveCard(ctx, w.first, to)
				require.NoError(w.t, err)
				done, err := w.operator().RemoveCard(ctx, w.first, to)
				require.NoError(w.t, err)
				require.Equal(w.t, would.Plans, done.Plans, "the plans announced by the rehearsal are the plans that change")
				require.Len(w.t, done.Plans, 1)
				require.Contains(w.t, done.Plans[0].Why, test.why)
				plan, err := w.Plan(ctx, w.plan.ID)
				require.NoError(w.t, err)
				require.Equal(w.t, test.card(w), plan.CardID)
				card, err := w.Card(ctx, w.first)
				require.NoError(w.t, err)
				require.Equal(w.t, billing.CardDetached, card.Status)
				require.Equal(w.t, []time.Time{now, now}, []time.Time{card.RemovedAt, card.DetachAt})
				other, err := w.Card(ctx, w.other)
				require.NoError(w.t, err)
				require.Equal(w.t, 1, other.Position, "it moves up")
				var refused *operator.RefusedError
				_, err = w.operator().RemoveCard(ctx, w.first, "")
				require.ErrorAs(w.t, err, &refused)
				trail, err := billing.WholeTrail(ctx, w, w.plan.ID)
				require.NoError(w.t, err)
				require.Contains(w.t, trail[len(trail)-1].Message, test.why)
			})
		})
	}
}

func TestWhatRemovalsAreRefused(t *testing.T) {
	eachWallet(t, func(w wallet) {
		ctx := w.t.Context()
		var invalid *billing.InvalidError
		for _, to := range []billing.CardID{w.first, "card_none"} {
			_, err := w.operator().RemoveCard(ctx, w.first, to)
			require.ErrorAs(w.t, err, &invalid)
		}
		w.change(w.other, func(c *billing.Card) { c.Hold = "held" })
		var refused *operator.RefusedError
		_, err := w.operator().RemoveCard(ctx, w.first, w.other)
		require.ErrorAs(w.t, err, &refused)
		card, err := w.Card(ctx, w.first)
		require.NoError(w.t, err)
		require.Equal(w.t, billing.CardActive, card.Status)
	})
}
