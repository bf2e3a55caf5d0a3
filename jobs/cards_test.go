package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/cards"
	"tranche/internal/operator"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

const mastercard = "5555555555554444"

// cardOf is the card that a plan charges.
func (b *bench) cardOf(id billing.PlanID) billing.Card {
	b.t.Helper()
	card, err := b.Store.Card(b.t.Context(), b.Details(id).Plan.CardID)
	require.NoError(b.t, err)
	return card
}

func TestAPlanWithBackupsGoesOnWithTheNextCardInOrder(t *testing.T) {
	eachEngine(t, func(b *bench) {
		ctx := b.t.Context()
		first := b.giveCard("ada")
		b.SetNow(b.Now().Add(time.Minute)) // the time decides which of two cards is newer
		p := b.begins(terms.Terms{Kind: billing.KindInstallments, Total: 30000, Parts: 3, Every: "1 month", BackupCardsAllowed: true})
		second := b.cardOf(p.Plan.ID)
		require.NotEqual(b.t, first.ID, second.ID)
		third := billing.Card{
			ID: billing.NewCardID(b.Now()), CustomerID: first.CustomerID, PaymentMethod: "pm_third", StripeCustomer: first.StripeCustomer, Account: b.Account, Brand: "visa", Last4: "1111",
			Fingerprint: "another", Status: billing.CardActive, CreatedAt: b.Now(), UpdatedAt: b.Now(),
		}
		require.NoError(b.t, b.Store.Update(ctx, func(tx billing.Tx) error { return tx.InsertCard(ctx, third) }))

		_, err := b.Operator().OrderCards(ctx, first.CustomerID, []billing.CardID{second.ID, third.ID, second.ID})
		require.ErrorContains(b.t, err, "names "+string(second.ID)+" twice")
		_, err = b.Operator().OrderCards(ctx, first.CustomerID, []billing.CardID{second.ID, "card_none"})
		require.ErrorContains(b.t, err, "the customer has no card card_none")
		_, err = b.Operator().OrderCards(ctx, first.CustomerID, []billing.CardID{second.ID, third.ID})
		require.NoError(b.t, err)
		done, err := b.Operator().DefaultCard(ctx, third.ID)
		require.NoError(b.t, err)
		require.Equal(b.t, third.ID, billing.CardsInOrder(done.Cards, b.Account, b.Now())[0].ID)
		require.Equal(b.t, second.ID, billing.CardsInOrder(done.Cards, b.Account, b.Now())[1].ID, "the order of the others stays")

		_, err = b.Operator().RemoveCard(ctx, second.ID, "")
		require.NoError(b.t, err)
		require.Equal(b.t, third.ID, b.cardOf(p.Plan.ID).ID)
	})
}

func TestACardOfAnotherBrandWaitsForTheCustomer(t *testing.T) {
	eachEngine(t, func(b *bench) {
		ctx := b.t.Context()
		p := b.Started(good, nil)
		card := b.cardOf(p.Plan.ID)
		require.NoError(b.t, b.Sim.ReplaceCard(card.PaymentMethod, "5555555555554444"))
		b.Settle()
		held := b.cardOf(p.Plan.ID)
		require.Equal(b.t, "its network replaced the visa card by a mastercard card", held.Hold)
		require.Equal(b.t, "4444", held.Last4)
		b.Gateway.Calls = 0
		b.Advance(32)
		require.Zero(b.t, b.Gateway.Calls)
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, b.Charge(p.Plan.ID, 2).Status)
		require.Contains(b.t, b.Charge(p.Plan.ID, 2).Reason, "is held: its network replaced")

		_, err := b.Operator().DefaultCard(ctx, card.ID)
		require.ErrorContains(b.t, err, "it is held")
		_, err = b.Operator().ReleaseCard(ctx, card.ID, "")
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status, "a waiting charge is tried at once")
		_, err = b.Operator().ReleaseCard(ctx, card.ID, "")
		require.ErrorContains(b.t, err, "it is not held")
	})
}

// TestAFraudWarningPausesEveryPlanOnTheCard: a warning about one plan's payment pauses the others
// too.
func TestAFraudWarningPausesEveryPlanOnTheCard(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.SetNow(b.Now().Add(time.Minute))
		same := b.Started(good, func(t *terms.Terms) { t.Reference = "order-2" }) // the duplicates are merged into one card
		stranger := b.Started(good, func(t *terms.Terms) {
			t.Reference, t.Customer.Reference, t.Customer.Email = "order-3", "bob", "bob@example.com"
		})
		_, err := b.Sim.WarnOfFraud(p.FirstPayment.ID)
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, billing.PlanPaused, b.Details(p.Plan.ID).Plan.Status)
		require.Equal(b.t, billing.PlanPaused, b.Details(same.Plan.ID).Plan.Status)
		require.Equal(b.t, "the card's issuer warned of fraud about a payment of another plan", b.Details(same.Plan.ID).Plan.Reason)
		require.Equal(b.t, billing.PlanActive, b.Details(stranger.Plan.ID).Plan.Status)
		b.Advance(40)
		require.Equal(b.t, billing.ChargeScheduled, b.Charge(same.Plan.ID, 2).Status)
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(stranger.Plan.ID, 2).Status)
	})
}

func TestARenewedNumberOfTheSameBrandIsChargedOn(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		require.NoError(b.t, b.Sim.ReplaceCard(b.cardOf(p.Plan.ID).PaymentMethod, "4000056655665556"))
		b.Settle()
		require.Empty(b.t, b.cardOf(p.Plan.ID).Hold)
		b.Advance(32)
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
	})
}

func TestAFraudWarningPausesThePlan(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		_, err := b.Sim.WarnOfFraud(p.FirstPayment.ID)
		require.NoError(b.t, err)
		bodies := b.Arrived()
		b.TakeIn(bodies...)
		b.Settle()
		b.TakeIn(bodies...)
		b.Settle()
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.PlanPaused, d.Plan.Status)
		require.Equal(b.t, "the card's issuer warned of fraud", d.Plan.Reason)
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[0].Status)
		b.Gateway.Calls = 0
		b.Advance(40)
		require.Zero(b.t, b.Gateway.Calls)
		_, err = b.Operator().Resume(b.t.Context(), p.Plan.ID, operator.CatchUp, "")
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
	})
}

// TestANewTimeZoneMovesWhatIsToCome: nine in the morning stays nine in the morning.
func TestANewTimeZoneMovesWhatIsToCome(t *testing.T) {
	eachEngine(t, func(b *bench) {
		ctx := b.t.Context()
		p := b.Started(good, nil)
		rec := b.Started(good, func(t *terms.Terms) {
			t.Reference, t.Kind, t.Total, t.Parts, t.Amount = "club", billing.KindRecurring, 0, 0, 1900
			t.CatchUp = billing.CatchUpAll // the test runs once a day, hours after nine o'clock in Tokyo
		})
		tokyo, wrong := "Asia/Tokyo", "Mars/Olympus"
		_, err := b.Operator().ChangeCustomer(ctx, p.Customer.ID, operator.CustomerChange{TimeZone: &wrong})
		require.ErrorContains(b.t, err, `timezone: "Mars/Olympus" is not a time zone`)
		done, err := b.Operator().ChangeCustomer(ctx, p.Customer.ID, operator.CustomerChange{TimeZone: &tokyo})
		require.NoError(b.t, err)
		require.Len(b.t, done.Moved, 4, "three instalments and the next recurring charge")
		for _, c := range b.Details(p.Plan.ID).Charges[1:] {
			require.Equal(b.t, "09:00", c.DueAt.In(billing.LoadLocation(tokyo)).Format("15:04"))
			require.Equal(b.t, 15, c.DueAt.In(billing.LoadLocation(tokyo)).Day())
			require.Equal(b.t, c.DueAt, c.NextAttemptAt)
		}
		versions, err := billing.PlanVersions(ctx, b.Store, p.Plan.ID)
		require.NoError(b.t, err)
		require.Len(b.t, versions, 2)
		b.Advance(70)
		require.Equal(b.t, "active | 1900 succeeded 01-15 | 1900 succeeded 02-15 | 1900 succeeded 03-15 | 1900 scheduled", ledgerOf(b.Details(rec.Plan.ID)), "it goes on there")
	})
}

func (b *bench) cardRow(id billing.CardID) billing.Card {
	b.t.Helper()
	card, err := b.Store.Card(b.t.Context(), id)
	require.NoError(b.t, err)
	return card
}

// detach runs the periodic job that removes cards at Stripe.
func (b *bench) detach(g billing.Gateway) int {
	b.t.Helper()
	n, err := cards.Detacher{Store: b.Store, Gateway: g}.Run(b.t.Context(), b.Now())
	require.NoError(b.t, err)
	return n
}

// atStripe is the Stripe customer that a PaymentMethod is attached to.
func (b *bench) atStripe(paymentMethod string) string {
	b.t.Helper()
	pm, err := b.Gateway.PaymentMethod(b.OnAccount(), paymentMethod)
	require.NoError(b.t, err)
	return pm.Customer
}

// failing is a Stripe that does not detach cards.
type failing struct {
	billing.Gateway
	err error
}

func (f failing) DetachPaymentMethod(context.Context, string, string) error { return f.err }

func TestARemovedCardIsDetachedAtStripeHoweverLongThatTakes(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		card := b.cardOf(p.Plan.ID)
		_, err := b.Operator().RemoveCard(b.t.Context(), card.ID, "")
		require.NoError(b.t, err)

		away := failing{err: &billing.GatewayError{Kind: billing.GatewayUnknown}}
		_, err = cards.Detacher{Store: b.Store, Gateway: away}.Run(b.t.Context(), b.Now())
		require.ErrorIs(b.t, err, away.err)
		require.Zero(b.t, b.detach(b.Gateway), "it is not its time yet")
		require.NotEmpty(b.t, b.atStripe(card.PaymentMethod))
		b.post("/_sim/update_card", "payment_method", card.PaymentMethod, "exp_month", "11", "exp_year", "2039")
		b.Settle()
		require.Equal(b.t, billing.CardDetached, b.cardRow(card.ID).Status, "an event about the card does not bring it back")

		b.SetNow(b.Now().Add(10 * time.Minute))
		require.Zero(b.t, b.detach(failing{err: &billing.GatewayError{Kind: billing.GatewayRejected}}), "Stripe refuses")
		require.Contains(b.t, b.cardTrail(p.Customer.ID), "card.detach_failed")
		b.SetNow(b.Now().Add(25 * time.Hour))
		require.Equal(b.t, 1, b.detach(b.Gateway))
		require.Empty(b.t, b.atStripe(card.PaymentMethod))
		require.True(b.t, b.cardRow(card.ID).DetachAt.IsZero())
		require.Zero(b.t, b.detach(b.Gateway), "and that was it")
		b.Settle()
		require.Equal(b.t, []string{"card.detach_failed", "card.detached"}, b.cardTrail(p.Customer.ID)[1:])

		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, b.Charge(p.Plan.ID, 2).Status)
	})
}

// cardTrail lists the actions about the customer's cards that concern no plan.
func (b *bench) cardTrail(customer billing.CustomerID) (actions []string) {
	b.t.Helper()
	entries, err := b.Store.AuditTrail(b.t.Context(), billing.AuditFilter{})
	require.NoError(b.t, err)
	for _, e := range entries {
		if e.CustomerID == customer && e.PlanID == "" && e.CardID != "" {
			actions = append(actions, e.Action)
		}
	}
	return actions
}

func TestAPlanOfARemovedCardIsChargedOnTheNext(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan, backup := b.withBackup("card_declined", true)
		removed := b.cardOf(plan)
		_, err := b.Operator().RemoveCard(b.t.Context(), removed.ID, "")
		require.NoError(b.t, err)
		b.SetNow(b.Charge(plan, 2).DueAt)
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(plan, 2).Status)
		require.Equal(b.t, backup.ID, b.cardOf(plan).ID)
	})
}

// setUpAgain saves the same card number for the customer once more, with a SetupIntent.
func (b *bench) setUpAgain(customer billing.Customer, number string) {
	b.t.Helper()
	cards, err := b.Store.Cards(b.t.Context(), customer.ID)
	require.NoError(b.t, err)
	si := b.post("/v1/setup_intents", "customer", customer.StripeCustomerIn(b.Account, cards), "usage", "off_session", "metadata[tranche_customer]", customer.Reference)
	_, err = b.Browser.ConfirmCardSetup(b.t.Context(), si["client_secret"].(string), stripesim.PaymentDetails{Card: &stripesim.Card{Number: number}})
	require.NoError(b.t, err)
	b.Settle()
}

func TestACardThatIsSavedTwiceIsFolded(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		older := b.cardOf(p.Plan.ID)
		_, err := b.Operator().DefaultCard(b.t.Context(), older.ID)
		require.NoError(b.t, err)
		b.SetNow(b.Now().Add(time.Hour))
		pi := b.Plan(func(t *terms.Terms) { t.Reference = "order-2" })
		require.NoError(b.t, b.PayFirst(pi, good))
		b.Settle()

		newer := b.cardOf(p.Plan.ID)
		require.NotEqual(b.t, older.ID, newer.ID, "plans of the older card point to the newer one")
		require.Equal(b.t, newer.ID, b.cardOf(pi.Plan.ID).ID)
		require.Equal(b.t, 1, newer.Position, "it is the default now")
		require.Equal(b.t, billing.CardDetached, b.cardRow(older.ID).Status)
		require.Zero(b.t, b.detach(b.Gateway), "an attempt on it may still be sent again")
		b.SetNow(b.Now().Add(24 * time.Hour))
		require.Equal(b.t, 1, b.detach(b.Gateway))
		require.Empty(b.t, b.atStripe(older.PaymentMethod))
		b.Settle()
		b.Advance(100)
		require.Equal(b.t, billing.PlanCompleted, b.Details(p.Plan.ID).Plan.Status)
	})
}

func TestARevokedCardIsNotFoldedBackIntoUse(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		older := b.cardOf(p.Plan.ID)
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
			older.Status = billing.CardRevoked
			return tx.UpdateCard(b.t.Context(), older)
		}))
		made := b.post("/v1/payment_methods", "type", "card", "card[number]", good, "card[exp_month]", "12", "card[exp_year]", "2034", "card[cvc]", "123")
		b.post("/v1/payment_methods/"+made["id"].(string)+"/attach", "customer", older.StripeCustomer)
		b.Settle()
		cards, err := b.Store.Cards(b.t.Context(), older.CustomerID)
		require.NoError(b.t, err)
		require.Len(b.t, cards, 2)
		require.Equal(b.t, older.Fingerprint, cards[1].Fingerprint)
		require.Equal(b.t, older.ID, b.cardOf(p.Plan.ID).ID, "no plan goes over to it")
		require.Equal(b.t, billing.CardRevoked, b.cardRow(older.ID).Status)
		require.True(b.t, b.cardRow(older.ID).RemovedAt.IsZero())
	})
}

func TestAHeldCardIsChargedAgainWhenTheCustomerGivesIt(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		card := b.cardOf(p.Plan.ID)
		require.NoError(b.t, b.Sim.ReplaceCard(card.PaymentMethod, mastercard))
		b.Settle()
		require.NotEmpty(b.t, b.cardRow(card.ID).Hold)
		require.Contains(b.t, b.cardTrail(p.Customer.ID), "card.held")
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		c := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, c.Status)
		require.Zero(b.t, c.AttemptCount, "nothing was sent")
		b.setUpAgain(b.Details(p.Plan.ID).Customer, mastercard)
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status, b.Charge(p.Plan.ID, 2).Reason)
		require.NotEqual(b.t, card.ID, b.cardOf(p.Plan.ID).ID)
		require.False(b.t, b.cardRow(card.ID).RemovedAt.IsZero(), "the held one has the same number, and is folded")
	})
}

// TestCollect_CardOfAnotherAccount: a card that is saved in another Stripe account than the plan's
// is not charged; the customer is asked for one.
func TestCollect_CardOfAnotherAccount(t *testing.T) {
	eachEngine(t, func(b *bench) {
		ctx := b.t.Context()
		p := b.Started(good, nil)
		foreign := b.cardOf(p.Plan.ID)
		foreign.ID, foreign.PaymentMethod, foreign.Account = billing.NewCardID(b.Now()), "pm_elsewhere", "acct_1Elsewhere"
		require.NoError(b.t, b.Store.Update(ctx, func(tx billing.Tx) error {
			if err := tx.InsertCard(ctx, foreign); err != nil {
				return err
			}
			plan, err := tx.LockPlan(ctx, p.Plan.ID)
			if err != nil {
				return err
			}
			plan.CardID = foreign.ID
			return tx.UpdatePlan(ctx, plan)
		}))
		b.Gateway.Calls = 0
		b.Advance(32)
		require.Zero(b.t, b.Gateway.Calls)
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, b.Charge(p.Plan.ID, 2).Status)
		require.Contains(b.t, b.Charge(p.Plan.ID, 2).Reason, "is saved in another Stripe account")
	})
}
