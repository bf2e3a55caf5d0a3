package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/jobs"
)

// cardOf is the card that a plan charges.
func (b *bench) cardOf(id billing.PlanID) billing.Card {
	b.t.Helper()
	card, err := b.store.Card(b.t.Context(), b.details(id).Plan.CardID)
	require.NoError(b.t, err)
	return card
}

func (b *bench) cards(customer billing.CustomerID) []billing.Card {
	b.t.Helper()
	cards, err := b.store.Cards(b.t.Context(), customer)
	require.NoError(b.t, err)
	return cards
}

func TestARemovedCardIsDetachedAtStripeSoonerOrLater(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(good, nil)
		card := b.cardOf(p.Plan.ID)
		would, err := operator.RemoveCard(b.t.Context(), operator.Rehearse(b.store), card.ID, b.Now())
		require.NoError(b.t, err)
		require.Equal(b.t, billing.CardActive, b.cardOf(p.Plan.ID).Status, "a rehearsal changes nothing")
		_, err = operator.RemoveCard(b.t.Context(), b.store, card.ID, b.Now())
		require.NoError(b.t, err)
		require.Equal(b.t, "the visa card ending 4242 is removed by the merchant", would.Message)

		away := &awayOnce{Gateway: b.gateway}
		detacher := jobs.Detacher{Store: b.store, Gateway: away}
		_, err = detacher.Run(b.t.Context(), b.Now())
		require.Error(b.t, err, "Stripe was away")
		n, err := detacher.Run(b.t.Context(), b.Now())
		require.NoError(b.t, err)
		require.Zero(b.t, n, "it is asked again later")
		b.setNow(b.Now().Add(time.Hour))
		n, err = detacher.Run(b.t.Context(), b.Now())
		require.NoError(b.t, err)
		require.Equal(b.t, 1, n)
		b.settle() // payment_method.detached
		require.Equal(b.t, billing.CardDetached, b.cardOf(p.Plan.ID).Status)
		pm, err := b.gateway.PaymentMethod(b.t.Context(), card.PaymentMethod)
		require.NoError(b.t, err)
		require.Empty(b.t, pm.Customer)

		b.gateway.calls = 0
		b.advance(40)
		require.Zero(b.t, b.gateway.calls, "it is not charged")
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, b.charge(p.Plan.ID, 2).Status, "the customer is asked for another")
		_, err = operator.RemoveCard(b.t.Context(), b.store, card.ID, b.Now())
		require.ErrorContains(b.t, err, "it is detached already")
	})
}

// awayOnce is a Stripe that gives no answer to the first detachment.
type awayOnce struct {
	billing.Gateway
	asked bool
}

// DetachPaymentMethod fails once.
func (g *awayOnce) DetachPaymentMethod(ctx context.Context, key, id string) error {
	if !g.asked {
		g.asked = true
		return &billing.GatewayError{Op: "detach", Kind: billing.GatewayUnknown}
	}
	return g.Gateway.DetachPaymentMethod(ctx, key, id)
}

func TestAPlanWithBackupsGoesOnWithTheNextCardInOrder(t *testing.T) {
	eachEngine(t, func(b *bench) {
		ctx := b.t.Context()
		first := b.giveCard("ada")
		p := b.begins(billing.Terms{Kind: billing.KindInstallments, Total: 30000, Parts: 3, Every: "1 month", BackupCardsAllowed: true})
		second := b.cardOf(p.Plan.ID)
		require.NotEqual(b.t, first.ID, second.ID)
		third := billing.Card{
			ID: billing.NewCardID(b.Now()), CustomerID: first.CustomerID, PaymentMethod: "pm_third", StripeCustomer: first.StripeCustomer, Brand: "visa", Last4: "1111",
			Fingerprint: "another", Status: billing.CardActive, CreatedAt: b.Now(), UpdatedAt: b.Now(),
		}
		require.NoError(b.t, b.store.Update(ctx, func(tx billing.Tx) error { return tx.InsertCard(ctx, third) }))

		_, err := operator.OrderCards(ctx, b.store, first.CustomerID, []billing.CardID{second.ID, third.ID, second.ID}, b.Now())
		require.ErrorContains(b.t, err, "names card "+string(second.ID)+" twice")
		_, err = operator.OrderCards(ctx, b.store, first.CustomerID, []billing.CardID{second.ID, "card_none"}, b.Now())
		require.ErrorContains(b.t, err, "the customer has no card card_none")
		_, err = operator.OrderCards(ctx, b.store, first.CustomerID, []billing.CardID{second.ID, third.ID}, b.Now())
		require.NoError(b.t, err)
		done, err := operator.DefaultCard(ctx, b.store, third.ID, b.Now())
		require.NoError(b.t, err)
		require.Equal(b.t, third.ID, billing.CardsInOrder(done.Cards, "", b.Now())[0].ID)
		require.Equal(b.t, second.ID, billing.CardsInOrder(done.Cards, "", b.Now())[1].ID, "the order of the others stays")

		_, err = operator.RemoveCard(ctx, b.store, second.ID, b.Now())
		require.NoError(b.t, err)
		require.Equal(b.t, third.ID, b.cardOf(p.Plan.ID).ID)
	})
}

// TestTheSameNumberGivenAgainIsKeptOnce: the customer pays two plans with the same card, one after the other.
func TestTheSameNumberGivenAgainIsKeptOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(good, nil)
		old := b.cardOf(p.Plan.ID)
		_, err := operator.OrderCards(b.t.Context(), b.store, old.CustomerID, []billing.CardID{old.ID}, b.Now())
		require.NoError(b.t, err)
		other := b.started(good, func(t *billing.Terms) { t.Reference = "order-2" })
		require.Len(b.t, b.cards(old.CustomerID), 2)
		require.Equal(b.t, billing.CardActive, b.cardOf(p.Plan.ID).Status, "the first plan charges it still")
		require.Len(b.t, billing.CardsInOrder(b.cards(old.CustomerID), "", b.Now()), 1, "and it counts once")

		_, err = operator.Cancel(b.t.Context(), b.store, p.Plan.ID, "", b.Now())
		require.NoError(b.t, err)
		third := b.started(good, func(t *billing.Terms) { t.Reference = "order-3" })
		folded, err := b.store.Card(b.t.Context(), old.ID)
		require.NoError(b.t, err)
		require.Equal(b.t, billing.CardDetached, folded.Status)
		require.False(b.t, folded.DetachAt.IsZero(), "Stripe is to be asked")
		require.Equal(b.t, 1, b.cardOf(third.Plan.ID).Position, "it takes the place of the one before")
		require.Equal(b.t, billing.CardActive, b.cardOf(other.Plan.ID).Status)
	})
}

func TestACardOfAnotherBrandWaitsForTheCustomer(t *testing.T) {
	eachEngine(t, func(b *bench) {
		ctx := b.t.Context()
		p := b.started(good, nil)
		card := b.cardOf(p.Plan.ID)
		require.NoError(b.t, b.sim.ReplaceCard(card.PaymentMethod, "5555555555554444"))
		b.settle()
		held := b.cardOf(p.Plan.ID)
		require.Equal(b.t, "its network replaced the visa card by a mastercard card", held.Hold)
		require.Equal(b.t, "4444", held.Last4)
		b.gateway.calls = 0
		b.advance(32)
		require.Zero(b.t, b.gateway.calls)
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, b.charge(p.Plan.ID, 2).Status)
		require.Contains(b.t, b.charge(p.Plan.ID, 2).Reason, "is not charged: its network replaced")

		_, err := operator.DefaultCard(ctx, b.store, card.ID, b.Now())
		require.ErrorContains(b.t, err, "it is held")
		_, err = operator.ReleaseCard(ctx, b.store, card.ID, b.Now())
		require.NoError(b.t, err)
		b.settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.charge(p.Plan.ID, 2).Status, "what waited is tried at once")
		_, err = operator.ReleaseCard(ctx, b.store, card.ID, b.Now())
		require.ErrorContains(b.t, err, "nothing is held against it")
	})
}

func TestARenewedNumberOfTheSameBrandIsChargedOn(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(good, nil)
		require.NoError(b.t, b.sim.ReplaceCard(b.cardOf(p.Plan.ID).PaymentMethod, "4000056655665556"))
		b.settle()
		require.Empty(b.t, b.cardOf(p.Plan.ID).Hold)
		b.advance(32)
		require.Equal(b.t, billing.ChargeSucceeded, b.charge(p.Plan.ID, 2).Status)
	})
}

func TestAFraudWarningPausesThePlan(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(good, nil)
		_, err := b.sim.WarnOfFraud(p.FirstPayment.ID)
		require.NoError(b.t, err)
		bodies := b.arrived()
		b.takeIn(bodies...)
		b.settle()
		b.takeIn(bodies...)
		b.settle()
		d := b.details(p.Plan.ID)
		require.Equal(b.t, billing.PlanPaused, d.Plan.Status)
		require.Equal(b.t, "the card's issuer warned of fraud", d.Plan.Reason)
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[0].Status)
		b.gateway.calls = 0
		b.advance(40)
		require.Zero(b.t, b.gateway.calls)
		_, err = operator.Resume(b.t.Context(), b.store, p.Plan.ID, operator.CatchUp, b.Now())
		require.NoError(b.t, err)
		b.settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.charge(p.Plan.ID, 2).Status)
	})
}

// TestANewTimeZoneMovesWhatIsToCome: nine in the morning stays nine in the morning.
func TestANewTimeZoneMovesWhatIsToCome(t *testing.T) {
	eachEngine(t, func(b *bench) {
		ctx := b.t.Context()
		p := b.started(good, nil)
		rec := b.started(good, func(t *billing.Terms) {
			t.Reference, t.Kind, t.Total, t.Parts, t.Amount = "club", billing.KindRecurring, 0, 0, 1900
		})
		tokyo, wrong := "Asia/Tokyo", "Mars/Olympus"
		_, err := operator.UpdateCustomer(ctx, b.store, p.Customer.ID, billing.CustomerChange{TimeZone: &wrong}, b.Now())
		require.ErrorContains(b.t, err, `timezone: "Mars/Olympus" is not a time zone`)
		_, err = operator.UpdateCustomer(ctx, b.store, p.Customer.ID, billing.CustomerChange{}, b.Now())
		require.ErrorContains(b.t, err, "nothing to change was given")
		done, err := operator.UpdateCustomer(ctx, b.store, p.Customer.ID, billing.CustomerChange{TimeZone: &tokyo}, b.Now())
		require.NoError(b.t, err)
		require.Equal(b.t, 4, done.Moved, "three instalments and the next recurring charge")
		for _, c := range b.details(p.Plan.ID).Charges[1:] {
			require.Equal(b.t, "09:00", c.DueAt.In(billing.LoadLocation(tokyo)).Format("15:04"))
			require.Equal(b.t, 15, c.DueAt.In(billing.LoadLocation(tokyo)).Day())
			require.Equal(b.t, c.DueAt, c.NextAttemptAt)
		}
		versions, err := billing.PlanVersions(ctx, b.store, p.Plan.ID)
		require.NoError(b.t, err)
		require.Len(b.t, versions, 2)
		b.advance(70)
		require.Equal(b.t, "active | 1900 succeeded 01-15 | 1900 succeeded 02-15 | 1900 succeeded 03-15 | 1900 scheduled", ledgerOf(b.details(rec.Plan.ID)), "it goes on there")
	})
}
