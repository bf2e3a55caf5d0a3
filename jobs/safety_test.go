package jobs_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
	"tranche/internal/testbench"
	"tranche/jobs"
)

// Each test here covers a past way to charge wrongly, twice or too much.

var lost = &billing.GatewayError{Op: "call Stripe", Kind: billing.GatewayUnknown, Failure: billing.Failure{Message: "lost"}}

// loseAnswer lets the next call reach Stripe and loses its answer.
func (b *bench) loseAnswer() {
	b.Gateway.After = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
		b.Gateway.After = nil
		return billing.PaymentIntent{}, lost
	}
}

// newCard has the customer set up another card without paying, for every plan: the merchant's
// SetupIntent names the customer.
func (b *bench) newCard(id billing.PlanID, number string) {
	b.t.Helper()
	b.giveByIntent(number, "customer", b.StripeCustomer(id), "metadata[tranche_customer]", b.Details(id).Customer.Reference)
}

// giveByIntent confirms a SetupIntent with a card.
func (b *bench) giveByIntent(number string, params ...string) {
	b.t.Helper()
	made := b.post("/v1/setup_intents", append([]string{"payment_method_types[]", "card"}, params...)...)
	secret, ok := made["client_secret"].(string)
	require.True(b.t, ok)
	_, err := b.Browser.ConfirmCardSetup(b.t.Context(), secret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: number}})
	require.NoError(b.t, err)
}

// hear stores an event about an object, as if Stripe had sent it now.
func (b *bench) hear(id, kind, object string) {
	b.t.Helper()
	_, err := b.Store.InsertEvents(b.t.Context(), []billing.Event{{
		ID: id, Type: kind, ObjectID: object, Account: b.Account, Status: billing.EventPending, ReceivedAt: b.Now(), ClaimAfter: b.Now(),
	}})
	require.NoError(b.t, err)
}

const otherCard = "5555555555554444"

func TestALateSuccessDoesNotBringTheOldCardBack(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		first := b.Details(p.Plan.ID).Plan.CardID
		b.SetNow(b.Now().Add(time.Hour))
		b.newCard(p.Plan.ID, otherCard)
		b.Settle()
		second := b.Details(p.Plan.ID).Plan.CardID
		require.NotEqual(b.t, first, second)
		b.hear("evt_late", "payment_intent.succeeded", p.FirstPayment.ID)
		b.Settle()
		require.Equal(b.t, second, b.Details(p.Plan.ID).Plan.CardID)
	})
}

// upgraded writes other parameters from the second call on, as a new version might.
type upgraded struct {
	billing.Gateway
	calls int
}

// CreatePaymentIntent adds to the description.
func (g *upgraded) CreatePaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	if g.calls++; g.calls > 1 {
		p.Description += " (v2)"
	}
	return g.Gateway.CreatePaymentIntent(ctx, key, p)
}

func TestAKeyThatWasUsedWithOtherParametersIsLookedUp(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.Gateway.Gateway = &upgraded{Gateway: b.Gateway.Gateway}
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.loseAnswer()
		b.RunDue()
		b.Arrived() // the webhook is lost too
		for range 3 {
			b.SetNow(b.Now().Add(26 * time.Hour))
			b.RunDue()
		}
		count, _ := b.Succeeded()
		require.Equal(b.t, 2, count, "one for each charge")
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
	})
}

// replaced shows one PaymentIntent as canceled by Stripe itself.
type replaced struct {
	billing.Gateway
	old string
}

// PaymentIntent fetches a PaymentIntent, and shows the old one as canceled.
func (g *replaced) PaymentIntent(ctx context.Context, id string) (billing.PaymentIntent, error) {
	pi, err := g.Gateway.PaymentIntent(ctx, id)
	if id == g.old {
		pi.Status, pi.CancellationReason, pi.LatestCharge = billing.IntentCanceled, "automatic", "ch_of_the_customer"
	}
	return pi, err
}

func TestLateNewsOfAReplacedPaymentIntentDoesNotEndTheNewAttempt(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		old := b.Charge(p.Plan.ID, 2).PaymentIntent
		b.Gateway.Gateway = &replaced{Gateway: b.Gateway.Gateway, old: old}
		b.hear("evt_canceled", "payment_intent.canceled", old)
		b.RunDue()
		require.Empty(b.t, b.Charge(p.Plan.ID, 2).PaymentIntent)
		b.newCard(p.Plan.ID, good)
		b.TakeIn(b.Arrived()...)
		b.loseAnswer()
		b.RunDue() // the new card is tried at once: a new one is made and paid, and the answer lost
		b.Arrived()
		b.hear("evt_failed", "payment_intent.payment_failed", old)
		b.RunDue()
		b.SetNow(b.Now().Add(2 * time.Minute))
		b.RunDue()
		count, _ := b.Succeeded()
		require.Equal(b.t, 2, count, "the first payment and charge 2, once each")
	})
}

func TestADeletedStripeCustomerDoesNotKeepPlansFromBeingMade(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.request(http.MethodDelete, "/v1/customers/"+b.StripeCustomer(p.Plan.ID), nil)
		b.Arrived() // lost
		again := b.Plan(func(t *terms.Terms) { t.Reference = "order-2" })
		require.NotEmpty(b.t, again.FirstPayment.ID)
	})
}

func TestAStolenCardIsRevokedAndNotTheOneThatReplacedIt(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		stolen := b.Details(p.Plan.ID).Plan.CardID
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Gateway.Gateway = &refusing{b.Gateway.Gateway}
		b.Gateway.After = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
			b.Gateway.After = nil
			b.newCard(p.Plan.ID, otherCard) // while the call is in flight
			b.TakeIn(b.Arrived()...)
			b.RunDue()
			return billing.PaymentIntent{}, &billing.GatewayError{
				Op: "create PaymentIntent", Kind: billing.GatewayDeclined, Failure: billing.Failure{Code: "card_declined", DeclineCode: "stolen_card"},
			}
		}
		b.RunDue()
		fresh := b.Details(p.Plan.ID).Plan.CardID
		require.NotEqual(b.t, stolen, fresh)
		card, err := b.Store.Card(b.t.Context(), stolen)
		require.NoError(b.t, err)
		require.Equal(b.t, billing.CardRevoked, card.Status)
		card, err = b.Store.Card(b.t.Context(), fresh)
		require.NoError(b.t, err)
		require.Equal(b.t, billing.CardActive, card.Status)
	})
}

func TestAnAttemptThatWasTurnedAwayIsNotSentAfterAStop(t *testing.T) {
	for name, stop := range map[string]func(b *bench, tx billing.Tx, plan billing.Plan) error{
		"plan paused": func(b *bench, tx billing.Tx, plan billing.Plan) error {
			plan.Status = billing.PlanPaused
			return tx.UpdatePlan(b.t.Context(), plan)
		},
		"card revoked": func(b *bench, tx billing.Tx, plan billing.Plan) error {
			card, err := tx.Card(b.t.Context(), plan.CardID)
			if err != nil {
				return err
			}
			card.Status = billing.CardRevoked
			return tx.UpdateCard(b.t.Context(), card)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Started(good, nil)
				b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
				require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionRateLimit, Method: "POST", Path: "/v1/payment_intents", Count: 1}))
				b.RunDue()
				require.Equal(b.t, billing.ChargeCollecting, b.Charge(p.Plan.ID, 2).Status)
				require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
					plan, err := tx.LockPlan(b.t.Context(), p.Plan.ID)
					if err != nil {
						return err
					}
					return stop(b, tx, plan)
				}))
				for range 5 {
					b.SetNow(b.Now().Add(time.Minute))
					b.RunDue()
				}
				count, _ := b.Succeeded()
				require.Equal(b.t, 1, count)
			})
		})
	}
}

func TestAPaymentThatWasProcessingIsClosedByItsEvent(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Gateway.After = func(pi billing.PaymentIntent, err error) (billing.PaymentIntent, error) {
			b.Gateway.After = nil
			pi.Status = billing.IntentProcessing
			return pi, err
		}
		b.Settle()
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
		require.Equal(b.t, billing.OutcomeSucceeded, d.Attempts[d.Charges[1].ID][0].Outcome)
	})
}

// cancelling cancels the task while it waits for Stripe.
type cancelling struct {
	billing.Gateway
	cancel func()
}

// PaymentIntent cancels the task.
func (g *cancelling) PaymentIntent(context.Context, string) (billing.PaymentIntent, error) {
	g.cancel()
	return billing.PaymentIntent{}, lost
}

func TestWhatBecameOfAnEventIsWrittenEvenAsTheTaskIsStopped(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Plan(nil)
		require.NoError(b.t, b.PayFirst(p, good))
		b.TakeIn(b.Arrived()...)
		e := b.event("payment_intent.succeeded")
		ctx, cancel := context.WithCancel(b.t.Context())
		b.Gateway.Gateway = &cancelling{b.Gateway.Gateway, cancel}
		require.NoError(b.t, b.Worker.Do(ctx, eventTask(e.ID, e.Lease)))
		require.Equal(b.t, 1, b.event("payment_intent.succeeded").Attempts)
	})
}

// slowMail is a mail server that is slow enough for the scheduler to claim again.
type slowMail struct {
	*testbench.Mailbox
	bench *bench
	calls int
}

// Send lets ten seconds pass.
func (m *slowMail) Send(ctx context.Context, mail billing.Mail) (billing.Delivery, error) {
	if m.calls++; m.calls == 1 {
		m.bench.SetNow(m.bench.Now().Add(10 * time.Second))
		claims, err := m.bench.Store.ClaimNotices(ctx, m.bench.Now(), m.bench.Now().Add(time.Minute), 10)
		require.NoError(m.bench.t, err)
		for _, c := range claims {
			require.NoError(m.bench.t, m.bench.Worker.Do(ctx, noticeTask(string(c.NoticeID), c.Lease)))
		}
	}
	return m.Mailbox.Send(ctx, mail)
}

func TestASlowMailServerGetsAMailOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Plan(nil)
		require.NoError(b.t, b.PayFirst(p, good))
		b.TakeIn(b.Arrived()...)
		e := b.event("payment_intent.succeeded")
		b.Do(eventTask(e.ID, e.Lease))
		n := b.onlyNotice(p.Plan.ID)
		b.With(func(c *jobs.Config) { c.Mailer = &slowMail{Mailbox: b.Mails, bench: b} })
		b.SetNow(b.Now().Add(55 * time.Second)) // the task waited in the queue
		b.Do(noticeTask(string(n.ID), n.Lease))
		require.Len(b.t, b.Mails.Mails, 1)
	})
}

func TestAChargeThatWaitedForACardIsTriedWithTheNewOne(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		card, err := b.Store.Card(b.t.Context(), b.Details(p.Plan.ID).Plan.CardID)
		require.NoError(b.t, err)
		b.post("/v1/payment_methods/" + card.PaymentMethod + "/detach")
		b.Settle()
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, b.Charge(p.Plan.ID, 2).Status)
		b.newCard(p.Plan.ID, good)
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(p.Plan.ID, 2).Status)
	})
}

func TestALateFirstPaymentMovesTheLaterDates(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Plan(nil)
		b.SetNow(b.Now().AddDate(0, 0, 100))
		require.NoError(b.t, b.PayFirst(p, good))
		b.Settle()
		count, _ := b.Succeeded()
		require.Equal(b.t, 1, count, "in parts, as agreed, and not all at once")
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, p.Plan.CreatedAt.AddDate(0, 0, 100).AddDate(0, 1, 0).Format(time.DateOnly), d.Charges[1].DueAt.Format(time.DateOnly), "as of a plan that began now")
		b.Advance(100)
		require.Equal(b.t, billing.PlanCompleted, b.Details(p.Plan.ID).Plan.Status)
	})
}

func TestAnAmountChangedAtStripeIsNotTakenForTheCharge(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(thenNoFunds, nil)
		b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
		b.Settle()
		b.post("/v1/payment_intents/"+b.Charge(p.Plan.ID, 2).PaymentIntent, "amount", "99")
		b.newCard(p.Plan.ID, good)
		b.Settle()
		b.Advance(5)
		c := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeFailed, c.Status)
		require.Contains(b.t, c.Reason, "0.99 USD")
	})
}

func TestARevokedCardStaysSoWhateverWasReadBefore(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		before, err := b.Store.Card(b.t.Context(), b.Details(p.Plan.ID).Plan.CardID)
		require.NoError(b.t, err)
		for _, status := range []billing.CardStatus{billing.CardRevoked, billing.CardActive, billing.CardDetached} {
			stale := before
			stale.Status = status
			require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error { return tx.UpdateCard(b.t.Context(), stale) }))
		}
		after, err := b.Store.Card(b.t.Context(), before.ID)
		require.NoError(b.t, err)
		require.Equal(b.t, billing.CardRevoked, after.Status)
	})
}
