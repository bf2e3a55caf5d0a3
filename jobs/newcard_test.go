package jobs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
	"tranche/jobs"
)

func TestANewCardMovesEverything(t *testing.T) {
	for name, code := range map[string]string{
		"a pending retry": "insufficient_funds", "a charge that waits for a card": "expired_card",
		"one that waits for authentication": "authentication_required", "one whose card was stopped": "stolen_card",
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				plan := b.failedOnce(code, nil)
				old := b.Details(plan).Plan.CardID
				b.newCard(plan, otherCard)
				b.Settle()
				d := b.Details(plan)
				require.NotEqual(b.t, old, d.Plan.CardID, "the later charges")
				require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status, "what was owed, at once: %s", d.Charges[1].Reason)
				require.Equal(b.t, billing.PlanActive, d.Plan.Status)
				require.Equal(b.t, billing.DunningClosed, b.dunningOf(d.Charges[1]).Status)
				b.Advance(80)
				require.Equal(b.t, billing.PlanCompleted, b.Details(plan).Plan.Status)
			})
		})
	}
}

func TestPayingOneChargeWithANewCardMovesTheOthersThatWait(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("expired_card", func(t *terms.Terms) { t.Every = "2 weeks" })
		b.Advance(15)
		d := b.Details(plan)
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, d.Charges[2].Status)
		b.payOnPage(d.Charges[1], otherCard)
		d = b.Details(plan)
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[2].Status, d.Charges[2].Reason)
		require.Equal(b.t, billing.PlanActive, d.Plan.Status)
	})
}

func TestANewCardWaitsForItsDayWhereThePolicySaysSo(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.policies("[policy.default]\nretry_new_card = false")
		plan := b.failedOnce("insufficient_funds", nil)
		c := b.Charge(plan, 2)
		b.newCard(plan, otherCard)
		b.Settle()
		require.Equal(b.t, c.NextAttemptAt, b.Charge(plan, 2).NextAttemptAt)
		b.until(c.NextAttemptAt)
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(plan, 2).Status, "the retry takes the new card")
	})
}

func TestANewCardDoesNotWakeAPlanThatIsStopped(t *testing.T) {
	for _, status := range []billing.PlanStatus{billing.PlanPaused, billing.PlanDefaulted} {
		t.Run(string(status), func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				plan := b.failedOnce("expired_card", nil)
				b.setStatus(plan, status)
				calls := b.Gateway.Calls
				b.newCard(plan, otherCard)
				b.Settle()
				require.Equal(b.t, calls, b.Gateway.Calls)
				require.Equal(b.t, billing.ChargeRetrying, b.Charge(plan, 2).Status)
				require.Zero(b.t, b.Charge(plan, 2).NextAttemptAt)
				require.Equal(b.t, status, b.Details(plan).Plan.Status)
				b.takeUpAgain(plan, status)
				require.Equal(b.t, billing.ChargeSucceeded, b.Charge(plan, 2).Status, "the plan goes on")
			})
		})
	}
}

// takeUpAgain resumes a paused plan, or restarts one that is defaulted.
func (b *bench) takeUpAgain(id billing.PlanID, was billing.PlanStatus) {
	b.t.Helper()
	var err error
	if was == billing.PlanPaused {
		_, err = b.Operator().Resume(b.t.Context(), id, operator.CatchUp, "")
	} else {
		_, err = b.Operator().Restart(b.t.Context(), id, "")
	}
	require.NoError(b.t, err)
	b.Settle()
}

// withBackup is a plan whose card declines with the given code, and whose customer has another
// card.
func (b *bench) withBackup(code string, allowed bool) (billing.PlanID, billing.Card) {
	b.t.Helper()
	plan := b.startedWith(declinesLater(code), func(t *terms.Terms) { t.BackupCardsAllowed = allowed })
	d := b.Details(plan)
	made := b.post("/v1/payment_methods", "type", "card", "card[number]", otherCard, "card[exp_month]", "12", "card[exp_year]", "2034", "card[cvc]", "123")
	id, ok := made["id"].(string)
	require.True(b.t, ok)
	b.post("/v1/payment_methods/"+id+"/attach", "customer", b.StripeCustomer(d.Plan.ID))
	b.Settle()
	cards, err := b.Store.Cards(b.t.Context(), d.Customer.ID)
	require.NoError(b.t, err)
	require.Len(b.t, cards, 2)
	require.Equal(b.t, d.Plan.CardID, b.Details(plan).Plan.CardID, "attaching a card changes no plan")
	backup := cards[0]
	if backup.ID == d.Plan.CardID {
		backup = cards[1]
	}
	return plan, backup
}

func TestABackupCardIsTriedWhereTheCustomerAgreed(t *testing.T) {
	for name, tc := range map[string]struct {
		policy  string
		allowed bool
		status  billing.ChargeStatus
	}{
		"agreed, and the policy allows it": {"backup_cards = true", true, billing.ChargeSucceeded},
		"not agreed":                       {"backup_cards = true", false, billing.ChargeRequiresPaymentMethod},
		"agreed, but the policy says no":   {"backup_cards = false", true, billing.ChargeRequiresPaymentMethod},
		"neither":                          {"", false, billing.ChargeRequiresPaymentMethod},
		"agreed, and the policy by a name": {"backup_cards = true\n[policy.other]", true, billing.ChargeSucceeded},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				b.policies("[policy.default]\n" + tc.policy)
				plan, backup := b.withBackup("expired_card", tc.allowed)
				b.SetNow(b.Charge(plan, 2).DueAt.Add(1))
				b.Settle()
				d := b.Details(plan)
				require.Equal(b.t, tc.status, d.Charges[1].Status, d.Charges[1].Reason)
				if tc.status != billing.ChargeSucceeded {
					require.NotEqual(b.t, backup.ID, d.Plan.CardID)
					return
				}
				require.Equal(b.t, backup.ID, d.Plan.CardID, "and it is charged from now on")
				require.Len(b.t, d.Attempts[d.Charges[1].ID], 2)
				require.Equal(b.t, []billing.NoticeKind{billing.NoticePaymentSucceeded}, b.newNotices(plan), "the customer is not bothered")
			})
		})
	}
}

func TestABackupCardIsTriedAfterTheLastRetry(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.policies("[policy.default]\nbackup_cards = true\nfunds.days = [1]")
		plan, backup := b.withBackup("insufficient_funds", true)
		b.SetNow(b.Charge(plan, 2).DueAt.Add(1))
		b.Settle()
		require.Equal(b.t, billing.ChargeRetrying, b.Charge(plan, 2).Status)
		require.Equal(b.t, 1, b.Charge(plan, 2).AttemptCount, "time comes first")
		b.until(b.Charge(plan, 2).NextAttemptAt)
		d := b.Details(plan)
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status, d.Charges[1].Reason)
		require.Equal(b.t, backup.ID, d.Plan.CardID)
	})
}

func TestACardOfAnotherStripeCustomerTakesANewPaymentIntent(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("insufficient_funds", func(t *terms.Terms) { t.Parts = 2 })
		b.otherStripeCustomer(plan)
		old := b.Charge(plan, 2).PaymentIntent
		b.until(b.Charge(plan, 2).NextAttemptAt)
		c := b.Charge(plan, 2)
		require.Equal(b.t, billing.ChargeSucceeded, c.Status, c.Reason)
		require.NotEqual(b.t, old, c.PaymentIntent)
		states := map[string]string{}
		for _, pi := range b.Intents() {
			states[pi.ID] = pi.Status
		}
		require.Equal(b.t, "canceled", states[old])
		require.Equal(b.t, "succeeded", states[c.PaymentIntent])
		require.Equal(b.t, billing.PlanCompleted, b.Details(plan).Plan.Status)
	})
}

// otherStripeCustomer gives a plan a card that is attached to another Stripe customer.
func (b *bench) otherStripeCustomer(plan billing.PlanID) {
	b.t.Helper()
	made := b.post("/v1/payment_methods", "type", "card", "card[number]", otherCard, "card[exp_month]", "12", "card[exp_year]", "2034", "card[cvc]", "123")
	id, ok := made["id"].(string)
	require.True(b.t, ok)
	customer, ok := b.post("/v1/customers", "payment_method", id)["id"].(string)
	require.True(b.t, ok)
	b.Arrived()
	card := billing.Card{
		ID: billing.NewCardID(b.Now()), CustomerID: b.Details(plan).Plan.CustomerID, PaymentMethod: id, StripeCustomer: customer, Account: b.Account,
		Brand: "mastercard", Last4: "4444", Status: billing.CardActive, CreatedAt: b.Now(), UpdatedAt: b.Now(),
	}
	require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
		if err := tx.InsertCard(b.t.Context(), card); err != nil {
			return err
		}
		p, err := tx.LockPlan(b.t.Context(), plan)
		if err != nil {
			return err
		}
		p.CardID = card.ID
		return tx.UpdatePlan(b.t.Context(), p)
	}))
}

func TestACrashWhileAPaymentIntentIsReplacedChargesOnce(t *testing.T) {
	for name, fault := range map[string]stripesim.FaultAction{
		"before it is canceled": stripesim.ActionConnectionReset, "after it is canceled": stripesim.ActionAnswerLost,
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				plan := b.failedOnce("insufficient_funds", func(t *terms.Terms) { t.Parts = 2 })
				b.otherStripeCustomer(plan)
				require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: fault, Method: "POST", Path: "/v1/payment_intents/*/cancel", Count: 3}))
				b.SetNow(b.Charge(plan, 2).NextAttemptAt)
				for range 12 { // the event of our own cancellation arrives in between
					b.Settle()
					b.SetNow(b.Now().Add(3 * time.Minute))
				}
				d := b.Details(plan)
				require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status, d.Charges[1].Reason)
				count, sum := b.Succeeded()
				require.Equal(b.t, 2, count)
				require.Equal(b.t, d.Plan.Total, sum)
			})
		})
	}
}

func TestWhoPaysWhileAPaymentIntentIsReplacedPaysOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("insufficient_funds", func(t *terms.Terms) { t.Parts = 2 })
		c := b.Charge(plan, 2)
		pi, err := b.Gateway.PaymentIntent(b.OnAccount(), c.PaymentIntent)
		require.NoError(b.t, err)
		b.otherStripeCustomer(plan)
		b.Gateway.BeforeCancel = func() {
			require.NoError(b.t, b.Pay(pi.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}}))
		}
		b.until(c.NextAttemptAt)
		d := b.Details(plan)
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
		require.Equal(b.t, c.PaymentIntent, d.Charges[1].PaymentIntent)
		count, sum := b.Succeeded()
		require.Equal(b.t, 2, count)
		require.Equal(b.t, d.Plan.Total, sum)
	})
}

func TestAPaymentIntentIsNotConfirmedTooOften(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("do_not_honor", func(t *terms.Terms) { t.Parts = 2 })
		old := b.Charge(plan, 2).PaymentIntent
		for range 7 { // the customer tries again and again
			pi, err := b.Gateway.PaymentIntent(b.OnAccount(), old)
			require.NoError(b.t, err)
			require.Error(b.t, b.Pay(pi.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: neverFunds}}))
			b.Settle()
		}
		b.until(b.Charge(plan, 2).NextAttemptAt)
		c := b.Charge(plan, 2)
		require.NotEqual(b.t, old, c.PaymentIntent, "the next attempt takes a new one")
		confirmed := 0
		for _, a := range b.Details(plan).Attempts[c.ID] {
			if a.PaymentIntent == old {
				confirmed++
			}
		}
		require.Equal(b.t, 8, confirmed)
		require.Equal(b.t, billing.ChargeRetrying, c.Status, c.Reason)
	})
}

func TestNetworkCapsAreCountedOverAllPlansOnACard(t *testing.T) {
	eachEngine(t, func(b *bench) {
		var plans []billing.PlanID
		for i := range 20 {
			plans = append(plans, b.startedWith(declinesLater("insufficient_funds"), func(t *terms.Terms) {
				t.Reference, t.Customer.Reference, t.Every = fmt.Sprint("order-", i), fmt.Sprint("cust-", i), "3 months"
			}))
		}
		b.With(func(c *jobs.Config) { c.Livemode = true }) // in test mode all customers share a few card numbers
		b.SetNow(b.Charge(plans[0], 2).DueAt.Add(1))
		b.Settle() // twenty declines, of twenty customers with one card
		b.Advance(29)
		capped := 0
		for _, plan := range plans {
			d := b.Details(plan)
			capped += len(d.Attempts[d.Charges[1].ID])
		}
		require.Equal(b.t, 20, capped, "Visa allows twenty declines in thirty days")
		trail, err := b.Store.AuditTrail(b.t.Context(), billing.AuditFilter{Plan: plans[19]})
		require.NoError(b.t, err)
		said := ""
		for _, e := range trail {
			said += e.Message + "\n"
		}
		require.Contains(b.t, said, "20 of 20 declines in 30 days allowed by visa")
	})
}

func TestACardThatTheNetworkRenewedIsTriedAgain(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.startedWith(declinesLater("expired_card", "sim_decline_count", "1"), nil)
		b.SetNow(b.Charge(plan, 2).DueAt.Add(1))
		b.Settle()
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, b.Charge(plan, 2).Status)
		card, err := b.Store.Card(b.t.Context(), b.Details(plan).Plan.CardID)
		require.NoError(b.t, err)
		b.post("/_sim/update_card", "payment_method", card.PaymentMethod, "exp_month", "11", "exp_year", "2039")
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(plan, 2).Status, b.Charge(plan, 2).Reason)
		require.Equal(b.t, billing.PlanActive, b.Details(plan).Plan.Status)
	})
}
