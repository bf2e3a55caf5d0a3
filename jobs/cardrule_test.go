package jobs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/cards"
	"tranche/internal/planning"
	"tranche/internal/terms"
)

// copies adds n active plans like the given one, on its card, each with one charge due in three
// months.
func (b *bench) copies(of billing.Plan, n int) []billing.PlanID {
	b.t.Helper()
	ids := make([]billing.PlanID, n)
	for i := range ids {
		b.SetNow(b.Now().Add(time.Millisecond))
		now := b.Now()
		p, due := of, now.AddDate(0, 3, 0)
		p.ID, p.Reference, p.Version, p.CreatedAt, p.UpdatedAt = billing.NewPlanID(now), fmt.Sprint("more-", i), 0, now, now
		p.Status, p.Total, p.Terms = billing.PlanActive, 1000, []byte("{}")
		c := billing.Charge{
			ID: billing.NewChargeID(now), PlanID: p.ID, CustomerID: p.CustomerID, Sequence: 1, Amount: 1000, Currency: p.Currency,
			DueAt: due, NextAttemptAt: due, ClaimAfter: due, Status: billing.ChargeScheduled, CreatedAt: now, UpdatedAt: now,
		}
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error { return tx.InsertPlan(b.t.Context(), p, []billing.Charge{c}) }))
		ids[i] = p.ID
	}
	return ids
}

// count returns how many of the plans meet a condition.
func (b *bench) count(ids []billing.PlanID, holds func(p billing.Plan) bool) (n int) {
	b.t.Helper()
	for _, id := range ids {
		p, err := b.Store.Plan(b.t.Context(), id)
		require.NoError(b.t, err)
		if holds(p) {
			n++
		}
	}
	return n
}

func TestPlansBeyondOnePage(t *testing.T) {
	const more = billing.MaxPage + 20
	for name, test := range map[string]func(b *bench, p planning.Created, ids []billing.PlanID){
		"a fraud warning pauses them": func(b *bench, p planning.Created, ids []billing.PlanID) {
			_, err := b.Sim.WarnOfFraud(p.FirstPayment.ID)
			require.NoError(b.t, err)
			b.Settle()
			require.Equal(b.t, more, b.count(ids, func(p billing.Plan) bool { return p.Status == billing.PlanPaused }))
		},
		"a new card moves them": func(b *bench, p planning.Created, ids []billing.PlanID) {
			old := b.cardOf(p.Plan.ID).ID
			b.newCard(p.Plan.ID, otherCard)
			b.Settle()
			require.Zero(b.t, b.count(append(ids, p.Plan.ID), func(p billing.Plan) bool { return p.CardID == old }))
		},
		"the wallet shows them": func(b *bench, p planning.Created, _ []billing.PlanID) {
			d := b.Details(p.Plan.ID)
			wallet, err := billing.LoadWallet(b.t.Context(), b.Store, d.Customer, b.Now())
			require.NoError(b.t, err)
			require.Len(b.t, wallet.Plans, more+1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(good, nil)
				test(b, p, b.copies(b.Details(p.Plan.ID).Plan, more))
			})
		})
	}
}

func TestNewCard_GivenDuringTheCall(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		task := b.claimed(p)
		b.Gateway.Before = func() {
			b.Gateway.Before = nil
			b.newCard(p.Plan.ID, otherCard)
			b.hearAll()
			require.Equal(b.t, "4444", b.cardOf(p.Plan.ID).Last4)
		}
		b.Do(collectTask(string(task.ChargeID), task.Lease))
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
		require.Equal(b.t, "4444", b.cardOf(p.Plan.ID).Last4, "the card that the customer gave last stays")
	})
}

func TestNewCard_DuringAnUnknownOutcome(t *testing.T) {
	for name, change := range map[string]func(b *bench, id billing.PlanID){
		"given by the customer": func(b *bench, id billing.PlanID) { b.newCard(id, otherCard); b.hearAll() },
		"chosen by the merchant": func(b *bench, id billing.PlanID) {
			_, err := b.Operator().UseCard(b.t.Context(), id, b.spareCard(id).ID)
			require.NoError(b.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(good, nil)
				old := b.cardOf(p.Plan.ID)
				b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
				b.loseAnswer()
				b.RunDue()
				late := b.Arrived()
				b.SetNow(b.Now().Add(time.Hour))
				change(b, p.Plan.ID)
				require.NotEqual(b.t, old.ID, b.cardOf(p.Plan.ID).ID)
				b.SetNow(b.Now().Add(time.Hour))
				b.TakeIn(late...) // the event comes before the worker asks again
				b.Settle()
				require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
				require.NotEqual(b.t, old.ID, b.cardOf(p.Plan.ID).ID)
				b.SetNow(b.Charge(p.Plan.ID, 3).DueAt)
				b.Settle()
				a := b.Details(p.Plan.ID).Attempts[b.Charge(p.Plan.ID, 3).ID]
				require.NotEqual(b.t, old.PaymentMethod, a[0].Params.PaymentMethod)
			})
		})
	}
}

// spareCard attaches another card to the customer of a plan, as the merchant would, and returns its
// row.
func (b *bench) spareCard(id billing.PlanID) billing.Card {
	b.t.Helper()
	made := b.post("/v1/payment_methods", "type", "card", "card[number]", otherCard, "card[exp_month]", "12", "card[exp_year]", "2034", "card[cvc]", "123")
	pm, ok := made["id"].(string)
	require.True(b.t, ok)
	b.post("/v1/payment_methods/"+pm+"/attach", "customer", b.StripeCustomer(id))
	b.hearAll()
	card, err := b.Store.CardByPaymentMethod(b.t.Context(), pm)
	require.NoError(b.t, err)
	return card
}

// TestMerchantCard_ChargeThatWaits: the card is removed, charge 2 falls due, and the merchant
// chooses another card.
func TestMerchantCard_ChargeThatWaits(t *testing.T) {
	for name, change := range map[string]func(b *bench, id billing.PlanID, spare billing.Card) error{
		"plan card": func(b *bench, id billing.PlanID, spare billing.Card) error {
			_, err := b.Operator().UseCard(b.t.Context(), id, billing.CardID(spare.PaymentMethod))
			return err
		},
		"card removed for another": func(b *bench, id billing.PlanID, spare billing.Card) error {
			_, err := b.Operator().RemoveCard(b.t.Context(), b.cardOf(id).ID, billing.CardID(spare.PaymentMethod))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				plan := b.failedOnce("expired_card", nil)
				require.Equal(b.t, billing.ChargeRequiresPaymentMethod, b.Charge(plan, 2).Status)
				require.NoError(b.t, change(b, plan, b.spareCard(plan)))
				b.Settle()
				require.Equal(b.t, billing.ChargeSucceeded, b.Charge(plan, 2).Status, b.Charge(plan, 2).Reason)
				require.Equal(b.t, billing.PlanActive, b.Details(plan).Plan.Status)
				b.Advance(80)
				require.Equal(b.t, billing.PlanCompleted, b.Details(plan).Plan.Status)
			})
		})
	}
}

func TestMerchantCard_NeverTriedCharge(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		spare := b.spareCard(p.Plan.ID)
		_, err := b.Operator().RemoveCard(b.t.Context(), b.cardOf(p.Plan.ID).ID, "")
		require.NoError(b.t, err)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, b.Charge(p.Plan.ID, 2).Status)
		r, err := b.Operator().UseCard(b.t.Context(), p.Plan.ID, spare.ID)
		require.NoError(b.t, err)
		require.Equal(b.t, "250.00 USD is tried on it at once", r.Next)
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
	})
}

func TestMerchantCard_OtherAccount(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		c := b.cardOf(p.Plan.ID)
		other := billing.Card{
			ID: billing.NewCardID(b.Now()), CustomerID: c.CustomerID, PaymentMethod: "pm_elsewhere", StripeCustomer: "cus_elsewhere", Account: "acct_other",
			Brand: "visa", Last4: "1111", Status: billing.CardActive, CreatedAt: b.Now(), UpdatedAt: b.Now(),
		}
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error { return tx.InsertCard(b.t.Context(), other) }))
		_, err := b.Operator().UseCard(b.t.Context(), p.Plan.ID, other.ID)
		require.ErrorContains(b.t, err, "saved in another Stripe account")
	})
}

// agrees stores the consent that a customer gives on a page, with the plans that its text lists.
func (b *bench) agrees(page billing.PlanID, intent string, listed ...billing.PlanID) {
	b.t.Helper()
	c := billing.Consent{
		ID: billing.NewConsentID(b.Now()), CustomerID: b.Details(page).Customer.ID, PlanID: page, Intent: intent, Source: billing.ConsentPage,
		TextVersion: "1", Text: "I agree", AcceptedAt: b.Now(), CreatedAt: b.Now(),
	}
	for _, id := range listed {
		c.Listed = append(c.Listed, billing.ListedPlan{Plan: id})
	}
	require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error { return tx.InsertConsent(b.t.Context(), c) }))
}

// TestConsent_PlansThatTakeTheCard: a card moves exactly the plans that the text listed, whether
// the card is only saved or also pays.
func TestConsent_PlansThatTakeTheCard(t *testing.T) {
	gives := map[string]func(b *bench, page billing.PlanID, listed []billing.PlanID){
		"saving": func(b *bench, page billing.PlanID, listed []billing.PlanID) {
			customer := b.Details(page).Customer
			si := b.post("/v1/setup_intents", "payment_method_types[]", "card", "customer", b.StripeCustomer(page),
				"metadata[tranche_customer]", customer.Reference, "metadata[tranche_plan]", string(page))
			b.agrees(page, si["id"].(string), listed...)
			b.setUp(billing.Secret(si["client_secret"].(string)), otherCard)
			b.Settle()
		},
		"paying": func(b *bench, page billing.PlanID, listed []billing.PlanID) {
			b.agrees(page, b.Charge(page, 2).PaymentIntent, listed...)
			b.payOnPage(b.Charge(page, 2), otherCard)
		},
	}
	for name, give := range gives {
		for _, tc := range []struct {
			what  string
			lists bool
		}{{"one plan listed", false}, {"both listed", true}} {
			t.Run(name+", "+tc.what, func(t *testing.T) {
				eachEngine(t, func(b *bench) {
					page := b.failedOnce("expired_card", nil)
					other := b.copies(b.Details(page).Plan, 1)
					was := b.cardOf(page).ID
					listed := []billing.PlanID{page}
					if tc.lists {
						listed = append(listed, other...)
					}
					give(b, page, listed)
					require.Equal(b.t, billing.ChargeSucceeded, b.Charge(page, 2).Status)
					require.Equal(b.t, "4444", b.cardOf(page).Last4)
					require.Equal(b.t, tc.lists, b.cardOf(other[0]).ID != was)
				})
			})
		}
	}
}

// TestSetupIntent_OfAnotherSystem: without Tranche's metadata no plan uses the card, which is
// recorded.
func TestSetupIntent_OfAnotherSystem(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("expired_card", nil)
		was := b.cardOf(plan)
		b.giveByIntent(otherCard, "customer", b.StripeCustomer(plan))
		b.Settle()
		require.Equal(b.t, was.ID, b.cardOf(plan).ID)
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, b.Charge(plan, 2).Status)
		cards, err := b.Store.Cards(b.t.Context(), was.CustomerID)
		require.NoError(b.t, err)
		require.Len(b.t, cards, 2)
	})
}

// TestDuplicateCard_OfAnotherSystem: the merchant charges a PaymentMethod for a subscription, and
// the customer pays an order in parts with the same card number.
func TestDuplicateCard_OfAnotherSystem(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		cus := b.StripeCustomer(p.Plan.ID)
		theirs := b.spareCard(p.Plan.ID)
		b.post("/v1/customers/"+cus, "invoice_settings[default_payment_method]", theirs.PaymentMethod)
		b.Settle()
		b.SetNow(b.Now().Add(time.Hour))
		second := b.Plan(func(t *terms.Terms) { t.Reference = "order-2" })
		require.NoError(b.t, b.PayFirst(second, mastercard))
		b.Settle()
		b.SetNow(b.Now().Add(25 * time.Hour))
		n, err := cards.Detacher{Store: b.Store, Gateway: b.Gateway}.Run(b.t.Context(), b.Now())
		require.NoError(b.t, err)
		require.Zero(b.t, n)
		require.Equal(b.t, cus, b.atStripe(theirs.PaymentMethod))
		require.Equal(b.t, billing.CardActive, b.cardRow(theirs.ID).Status)
		require.NotEqual(b.t, theirs.ID, b.cardOf(second.Plan.ID).ID)

		_, err = b.Sim.WarnOfFraud(second.FirstPayment.ID)
		require.NoError(b.t, err)
		_, err = b.Operator().UseCard(b.t.Context(), p.Plan.ID, theirs.ID)
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, billing.PlanPaused, b.Details(p.Plan.ID).Plan.Status, "it charges the same number")
	})
}

// TestNewCard_MissedChargesKeepTheirDays: after an outage, missed charges are made one a day. A new
// card does not charge them at once.
func TestNewCard_MissedChargesKeepTheirDays(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, weekly("sub-1", ""))
		b.SetNow(b.Now().AddDate(0, 0, 26))
		b.Settle()
		before, _ := b.Succeeded()
		b.newCard(p.Plan.ID, otherCard)
		b.Settle()
		made, _ := b.Succeeded()
		require.Equal(b.t, before, made)
		b.Advance(6)
		require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status)
	})
}
