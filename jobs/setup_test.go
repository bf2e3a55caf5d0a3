package jobs_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// awaitingCard creates a plan whose card is to be given with a SetupIntent.
func (b *bench) awaitingCard() planning.Created {
	b.t.Helper()
	p := b.Plan(func(t *terms.Terms) { t.Starts = "2026-01-31" })
	require.NotEmpty(b.t, p.Setup.ID)
	return p
}

// setupAtStripe returns the status of a SetupIntent.
func (b *bench) setupAtStripe(id string) string {
	b.t.Helper()
	return b.request(http.MethodGet, "/v1/setup_intents/"+id, nil)["status"].(string)
}

func TestCancelingAPlanThatWaitsForItsCardCancelsTheSetupIntent(t *testing.T) {
	for name, cancel := range map[string]func(b *bench, p billing.PlanID) error{
		"canceled": func(b *bench, p billing.PlanID) error {
			_, err := b.Operator().Cancel(b.t.Context(), p, "")
			return err
		},
		"canceled with refund": func(b *bench, p billing.PlanID) error {
			_, err := b.Operator().CancelAndRefund(b.t.Context(), p, "")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.awaitingCard()
				require.NoError(b.t, cancel(b, p.Plan.ID))
				b.Settle()
				require.Equal(b.t, "canceled", b.setupAtStripe(p.Setup.ID))
				_, err := b.Browser.ConfirmCardSetup(b.t.Context(), p.Setup.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}})
				require.Error(b.t, err, "a checkout that is still open")
				b.Advance(30)
				d := b.Details(p.Plan.ID)
				require.Equal(b.t, billing.PlanCanceled, d.Plan.Status)
				for _, c := range d.Charges {
					require.Equal(b.t, billing.ChargeCanceled, c.Status)
					require.Zero(b.t, c.NextAttemptAt)
				}
				require.Zero(b.t, b.Gateway.Calls, "nothing was charged")
			})
		})
	}
}

func TestAPlanCanceledWhileItsSetupIntentIsMadeHasItCanceled(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.Gateway.Gateway = &afterSetup{Gateway: b.Gateway.Gateway, do: func() {
			plan, err := b.Store.PlanByReference(b.t.Context(), "order-1")
			require.NoError(b.t, err)
			_, err = b.Operator().Cancel(b.t.Context(), plan.ID, "")
			require.NoError(b.t, err)
		}}
		p := b.awaitingCard()
		b.Settle()
		require.Equal(b.t, "canceled", b.setupAtStripe(p.Setup.ID))
	})
}

func TestACardThatIsGivenInTheMomentOfTheCancellationIsNotCharged(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.awaitingCard()
		stops()["canceled"](b, p)
		b.setUp(p.Setup.ClientSecret, good)
		b.Settle()
		b.Advance(40)
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.PlanCanceled, d.Plan.Status)
		require.Zero(b.t, d.Charges[0].NextAttemptAt)
		require.Zero(b.t, b.Gateway.Calls)
	})
}

func TestAWorkerKilledWhileCancelingASetupIntentLeavesNoneOpen(t *testing.T) {
	for name, after := range map[string]bool{"before the call": false, "after the call": true} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.awaitingCard()
				stops()["canceled"](b, p)
				b.Gateway.Gateway = &dyingSetup{Gateway: b.Gateway.Gateway, left: 1, after: after}
				dying(b.t, func() { b.RunDue() })
				require.NotZero(b.t, b.Charge(p.Plan.ID, 1).NextAttemptAt, "it is resumed")
				b.SetNow(b.Now().Add(2 * time.Minute))
				b.Settle()
				require.Zero(b.t, b.Charge(p.Plan.ID, 1).NextAttemptAt)
				require.Equal(b.t, "canceled", b.setupAtStripe(p.Setup.ID))
			})
		})
	}
}

func TestTheAnswerThatNamedASetupIntentMayBeLost(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.Gateway.Gateway = &afterSetup{Gateway: b.Gateway.Gateway, do: func() { panic(killed{}) }}
		dying(b.t, func() { b.awaitingCard() })
		p := b.awaitingCard() // the same request
		require.True(b.t, p.Replayed)
		b.setUp(p.Setup.ClientSecret, good)
		b.Settle()
		require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status)
	})
}

func TestAWorkerKilledWhileSavingTheCardOfASetupIntentSavesOne(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.awaitingCard()
		b.setUp(p.Setup.ClientSecret, good)
		b.TakeIn(b.Arrived()...)
		b.Gateway.Gateway = &dyingCustomers{Gateway: b.Gateway.Gateway, left: 1}
		dying(b.t, func() { b.RunDue() })
		b.SetNow(b.Now().Add(2 * time.Minute))
		b.Settle()
		b.Advance(20)
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[0].Status)
		cards, err := b.Store.Cards(b.t.Context(), d.Customer.ID)
		require.NoError(b.t, err)
		require.Len(b.t, cards, 1)
	})
}

func TestAWorkerKilledDuringARecurringChargeLeavesOneToCome(t *testing.T) {
	for name, arm := range map[string]func(b *bench){
		"before the call": func(b *bench) { b.Gateway.Before = func() { b.Gateway.Before = nil; panic(killed{}) } },
		"after the call": func(b *bench) {
			b.Gateway.After = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
				b.Gateway.After = nil
				panic(killed{})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.begins(terms.Terms{Kind: billing.KindRecurring, Amount: 1900, Every: "1 month"})
				b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
				arm(b)
				dying(b.t, func() { b.RunDue() })
				b.SetNow(b.Now().Add(2 * time.Minute))
				b.Settle()
				require.Equal(b.t, "active | 1900 succeeded 01-15 | 1900 succeeded 02-15 | 1900 scheduled", ledgerOf(b.Details(p.Plan.ID)))
			})
		})
	}
}

func TestARecurringPlanThatIsStoppedDuringTheCallWritesNoMore(t *testing.T) {
	for name, want := range map[string]string{
		"paused":   "paused | 1900 succeeded 01-15 | 1900 succeeded 02-15 | 1900 scheduled",
		"canceled": "canceled | 1900 succeeded 01-15 | 1900 succeeded 02-15 | 1900 canceled",
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.begins(terms.Terms{Kind: billing.KindRecurring, Amount: 1900, Every: "1 month"})
				task := b.claimed(p)
				b.Gateway.Before = func() { b.Gateway.Before = nil; stops()[name](b, p) }
				b.Do(collectTask(string(task.ChargeID), task.Lease))
				b.Advance(70)
				require.Equal(b.t, want, ledgerOf(b.Details(p.Plan.ID)))
			})
		})
	}
}

// afterSetup runs a function once, after Stripe has created a SetupIntent and before the answer
// arrives.
type afterSetup struct {
	billing.Gateway
	do func()
}

// CreateSetupIntent creates it and runs the function.
func (g *afterSetup) CreateSetupIntent(ctx context.Context, key string, p billing.SetupParams) (billing.SetupIntent, error) {
	si, err := g.Gateway.CreateSetupIntent(ctx, key, p)
	if do := g.do; do != nil {
		g.do = nil
		do()
	}
	return si, err
}

// dyingSetup dies before or after a SetupIntent is canceled.
type dyingSetup struct {
	billing.Gateway
	left  int
	after bool
}

// CancelSetupIntent cancels and dies, or dies before.
func (g *dyingSetup) CancelSetupIntent(ctx context.Context, key, id string) (billing.SetupIntent, error) {
	if g.left > 0 && !g.after {
		g.left--
		panic(killed{})
	}
	si, err := g.Gateway.CancelSetupIntent(ctx, key, id)
	if g.left > 0 {
		g.left--
		panic(killed{})
	}
	return si, err
}

func TestActivate_ReasonIsCleared(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.awaitingCard()
		require.Equal(b.t, "waits for the customer to enter a card", b.Charge(p.Plan.ID, 1).Reason)
		_, err := b.Browser.ConfirmCardSetup(b.t.Context(), p.Setup.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}})
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status)
		require.Empty(b.t, b.Charge(p.Plan.ID, 1).Reason)
	})
}

// setupLost creates a plan whose answer for the SetupIntent is lost. It returns the same request as
// a function.
func (b *bench) setupLost() (billing.PlanID, func() (planning.Created, error)) {
	b.t.Helper()
	terms := terms.Terms{
		Reference: "later-1", Kind: billing.KindDeferred, Currency: "usd", Total: 9900, Due: "2026-03-10", Account: b.Account,
		Customer: terms.Customer{Reference: "ada", Email: "ada@example.com", TimeZone: "Europe/London"},
	}
	again := func() (planning.Created, error) {
		return b.Planner.Create(b.t.Context(), planning.Request{Terms: terms})
	}
	require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionHalfBody, Method: "POST", Path: "/v1/setup_intents", Count: 1}))
	_, err := again()
	require.Error(b.t, err)
	plan, err := b.Store.PlanByReference(b.t.Context(), "later-1")
	require.NoError(b.t, err)
	return plan.ID, again
}

func TestSetup_AnswerLostThenCustomerKnown(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan, again := b.setupLost()
		b.Started(good, func(t *terms.Terms) { t.Reference = "order-2" })
		p, err := again()
		require.NoError(b.t, err)
		require.Equal(b.t, plan, p.Plan.ID)
		b.setUp(p.Setup.ClientSecret, good)
		b.Settle()
		require.Equal(b.t, billing.PlanActive, b.Details(plan).Plan.Status)
	})
}

// The plan was stored by a release that did not store the request.
func TestSetup_RequestNotStored(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan, again := b.setupLost()
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
			p, err := tx.LockPlan(b.t.Context(), plan)
			require.NoError(b.t, err)
			p.SetupRequest = billing.SetupRequest{}
			return tx.UpdatePlan(b.t.Context(), p)
		}))
		p, err := again()
		require.NoError(b.t, err)
		require.NotEmpty(b.t, p.Setup.ID)
		require.NotEmpty(b.t, b.Details(plan).Plan.SetupRequest.Key)
	})
}

// The SetupIntent was canceled, the answer that names its replacement is lost, and the customer
// becomes known meanwhile.
func TestSetup_ReplacementLostThenCustomerKnown(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.awaitingCard()
		first := b.Details(p.Plan.ID).Plan.SetupRequest
		_, err := b.Gateway.CancelSetupIntent(b.OnAccount(), "cancel", p.Setup.ID)
		require.NoError(b.t, err)
		require.NoError(b.t, b.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionHalfBody, Method: "POST", Path: "/v1/setup_intents", Count: 1}))
		again := func() (planning.Created, error) {
			var t terms.Terms
			require.NoError(b.t, json.Unmarshal(p.Plan.Terms, &t))
			return b.Planner.Create(b.t.Context(), planning.Request{Terms: t})
		}
		_, err = again()
		require.Error(b.t, err)
		require.NotEqual(b.t, first.Key, b.Details(p.Plan.ID).Plan.SetupRequest.Key)
		b.Started(good, func(t *terms.Terms) { t.Reference = "order-2" })
		got, err := again()
		require.NoError(b.t, err)
		require.Equal(b.t, p.Plan.ID, got.Plan.ID)
		require.NotEqual(b.t, p.Setup.ID, got.Setup.ID)
	})
}

func TestSetup_ServerErrorKeptUnderTheKey(t *testing.T) {
	for _, action := range []stripesim.FaultAction{stripesim.ActionServerError, stripesim.ActionServerErrorExecuted} {
		t.Run(string(action), func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				b.serverErrors(action, "/v1/setup_intents", 1)
				terms := terms.Terms{
					Reference: "later-1", Kind: billing.KindDeferred, Currency: "usd", Total: 9900, Due: "2026-03-10", Account: b.Account,
					Customer: terms.Customer{Reference: "ada", Email: "ada@example.com", TimeZone: "Europe/London"},
				}
				_, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: terms})
				require.Error(b.t, err)
				p, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: terms})
				require.NoError(b.t, err)
				b.setUp(p.Setup.ClientSecret, good)
				b.Settle()
				require.Equal(b.t, billing.PlanActive, b.Details(p.Plan.ID).Plan.Status)
			})
		})
	}
}
