package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/testbench"
	"tranche/jobs"
)

// killed is the panic with which a worker dies in these tests.
type killed struct{}

// dying runs fn until it dies, as a process would that is killed at that point. Uncommitted work is
// lost.
func dying(t *testing.T, fn func()) {
	t.Helper()
	require.PanicsWithValue(t, killed{}, fn)
}

func TestAWorkerKilledAtAnyStepOfAChargeLeavesOnePayment(t *testing.T) {
	for name, arm := range map[string]func(b *bench){
		"after the attempt is written, before the call": func(b *bench) {
			b.Gateway.Before = func() { b.Gateway.Before = nil; panic(killed{}) }
		},
		"after the call, before the outcome is written": func(b *bench) {
			b.Gateway.After = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
				b.Gateway.After = nil
				panic(killed{})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for after, wait := range map[string]time.Duration{"within the key's life": time.Minute, "after the key's life": 30 * time.Hour} {
				t.Run(after, func(t *testing.T) {
					eachEngine(t, func(b *bench) {
						p := b.Started(good, nil)
						b.SetNow(b.Charge(p.Plan.ID, 2).DueAt)
						arm(b)
						dying(b.t, func() { b.RunDue() })
						require.Equal(b.t, billing.ChargeCollecting, b.Charge(p.Plan.ID, 2).Status)

						b.Worker = b.NewWorker()
						for range 4 {
							b.SetNow(b.Now().Add(wait))
							b.RunDue()
						}
						b.Settle()
						d := b.Details(p.Plan.ID)
						require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
						count, sum := b.Succeeded()
						require.Equal(b.t, 2, count)
						require.Equal(b.t, d.Charges[0].Amount+d.Charges[1].Amount, sum)
						require.Len(b.t, b.Notices(p.Plan.ID), 2, "a receipt for each payment")
					})
				})
			}
		})
	}
}

func TestAWorkerKilledWhileSavingTheCardMakesOneCustomer(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Plan(nil)
		require.NoError(b.t, b.PayFirst(p, good))
		b.TakeIn(b.Arrived()...)
		b.Gateway.Gateway = &dyingCustomers{Gateway: b.Gateway.Gateway, left: 1}
		dying(b.t, func() { b.RunDue() })
		b.SetNow(b.Now().Add(48 * time.Hour)) // Stripe has forgotten the key
		b.Settle()
		d := b.Details(p.Plan.ID)
		require.Equal(b.t, billing.PlanActive, d.Plan.Status)
		cards, err := b.Store.Cards(b.t.Context(), d.Customer.ID)
		require.NoError(b.t, err)
		require.Len(b.t, cards, 1)
		require.Equal(b.t, 1, b.Gateway.Gateway.(*dyingCustomers).made)
	})
}

func TestAWorkerKilledAfterSendingANoticeSendsItUnderTheSameMessageID(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Plan(nil)
		require.NoError(b.t, b.PayFirst(p, good))
		b.TakeIn(b.Arrived()...)
		b.Mails.Fail = nil
		mailer := &dyingMailer{Mailbox: b.Mails}
		b.With(func(c *jobs.Config) { c.Mailer = mailer })
		dying(b.t, func() { b.RunDue() })
		b.SetNow(b.Now().Add(2 * time.Minute))
		b.Settle()
		require.Len(b.t, b.Mails.Mails, 2)
		require.Equal(b.t, b.Mails.Mails[0].MessageID, b.Mails.Mails[1].MessageID, "the mail server can drop the copy")
		require.Len(b.t, b.Notices(p.Plan.ID), 1)
	})
}

func TestAWorkerKilledWhileCancelingAPaymentLeavesNothingToPay(t *testing.T) {
	for name, after := range map[string]bool{"before the call": false, "after the call": true} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.Plan(nil)
				_, err := b.Operator().Cancel(b.t.Context(), p.Plan.ID, "")
				require.NoError(b.t, err)
				b.Gateway.Gateway = &dyingCancel{Gateway: b.Gateway.Gateway, left: 1, after: after}
				dying(b.t, func() { b.RunDue() })
				require.NotZero(b.t, b.Charge(p.Plan.ID, 1).NextAttemptAt, "it is resumed")
				b.SetNow(b.Now().Add(2 * time.Minute))
				b.Settle()
				c := b.Charge(p.Plan.ID, 1)
				require.Zero(b.t, c.NextAttemptAt)
				require.Equal(b.t, billing.ChargeCanceled, c.Status)
				require.Equal(b.t, "canceled", b.intentOf(c).Status)
				trail, err := b.Store.AuditTrail(b.t.Context(), billing.AuditFilter{Plan: p.Plan.ID})
				require.NoError(b.t, err)
				voided := 0
				for _, e := range trail {
					if e.Action == "charge.voided" {
						voided++
					}
				}
				require.Equal(b.t, 1, voided)
			})
		})
	}
}

// dyingCancel dies before or after a PaymentIntent is canceled.
type dyingCancel struct {
	billing.Gateway
	left  int
	after bool
}

// CancelPaymentIntent cancels and dies, or dies before.
func (g *dyingCancel) CancelPaymentIntent(ctx context.Context, key, id string) (billing.PaymentIntent, error) {
	if g.left > 0 && !g.after {
		g.left--
		panic(killed{})
	}
	pi, err := g.Gateway.CancelPaymentIntent(ctx, key, id)
	if g.left > 0 {
		g.left--
		panic(killed{})
	}
	return pi, err
}

// dyingCustomers dies after Stripe has made the customer.
type dyingCustomers struct {
	billing.Gateway
	left, made int
}

// CreateCustomer creates the customer and dies, for the set number of times.
func (g *dyingCustomers) CreateCustomer(ctx context.Context, key string, p billing.CustomerParams) (string, error) {
	id, err := g.Gateway.CreateCustomer(ctx, key, p)
	g.made++
	if g.left > 0 {
		g.left--
		panic(killed{})
	}
	return id, err
}

// dyingMailer dies after the mail was accepted, once.
type dyingMailer struct {
	*testbench.Mailbox
	died bool
}

// Send sends and dies.
func (m *dyingMailer) Send(ctx context.Context, mail billing.Mail) (billing.Delivery, error) {
	d, err := m.Mailbox.Send(ctx, mail)
	if !m.died {
		m.died = true
		panic(killed{})
	}
	return d, err
}
