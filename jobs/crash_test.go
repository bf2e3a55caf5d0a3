package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
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
			b.gateway.before = func() { b.gateway.before = nil; panic(killed{}) }
		},
		"after the call, before the outcome is written": func(b *bench) {
			b.gateway.after = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
				b.gateway.after = nil
				panic(killed{})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for after, wait := range map[string]time.Duration{"within the key's life": time.Minute, "after the key's life": 30 * time.Hour} {
				t.Run(after, func(t *testing.T) {
					eachEngine(t, func(b *bench) {
						p := b.started(good, nil)
						b.setNow(b.charge(p.Plan.ID, 2).DueAt)
						arm(b)
						dying(b.t, func() { b.runDue() })
						require.Equal(b.t, billing.ChargeCollecting, b.charge(p.Plan.ID, 2).Status)

						b.worker = b.newWorker()
						for range 4 {
							b.setNow(b.Now().Add(wait))
							b.runDue()
						}
						b.settle()
						d := b.details(p.Plan.ID)
						require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
						count, sum := b.succeededAtStripe()
						require.Equal(b.t, 2, count)
						require.Equal(b.t, d.Charges[0].Amount+d.Charges[1].Amount, sum)
						require.Len(b.t, b.notices(p.Plan.ID), 2, "a receipt for each payment")
					})
				})
			}
		})
	}
}

func TestAWorkerKilledWhileSavingTheCardMakesOneCustomer(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.plan(nil)
		require.NoError(b.t, b.payFirst(p, good))
		b.takeIn(b.arrived()...)
		b.gateway.Gateway = &dyingCustomers{Gateway: b.gateway.Gateway, left: 1}
		dying(b.t, func() { b.runDue() })
		b.setNow(b.Now().Add(48 * time.Hour)) // Stripe has forgotten the key
		b.settle()
		d := b.details(p.Plan.ID)
		require.Equal(b.t, billing.PlanActive, d.Plan.Status)
		cards, err := b.store.Cards(b.t.Context(), d.Customer.ID)
		require.NoError(b.t, err)
		require.Len(b.t, cards, 1)
		require.Equal(b.t, 1, b.gateway.Gateway.(*dyingCustomers).made)
	})
}

func TestAWorkerKilledAfterSendingANoticeSendsItUnderTheSameMessageID(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.plan(nil)
		require.NoError(b.t, b.payFirst(p, good))
		b.takeIn(b.arrived()...)
		b.mails.fail = nil
		mailer := &dyingMailer{mailbox: b.mails}
		b.with(func(c *jobs.Config) { c.Mailer = mailer })
		dying(b.t, func() { b.runDue() })
		b.setNow(b.Now().Add(2 * time.Minute))
		b.settle()
		require.Len(b.t, b.mails.mails, 2)
		require.Equal(b.t, b.mails.mails[0].MessageID, b.mails.mails[1].MessageID, "the mail server can drop the copy")
		require.Len(b.t, b.notices(p.Plan.ID), 1)
	})
}

func TestAWorkerKilledWhileCancelingAPaymentLeavesNothingToPay(t *testing.T) {
	for name, after := range map[string]bool{"before the call": false, "after the call": true} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				p := b.plan(nil)
				_, err := b.operator().Cancel(b.t.Context(), p.Plan.ID, "")
				require.NoError(b.t, err)
				b.gateway.Gateway = &dyingCancel{Gateway: b.gateway.Gateway, left: 1, after: after}
				dying(b.t, func() { b.runDue() })
				require.NotZero(b.t, b.charge(p.Plan.ID, 1).NextAttemptAt, "it is resumed")
				b.setNow(b.Now().Add(2 * time.Minute))
				b.settle()
				c := b.charge(p.Plan.ID, 1)
				require.Zero(b.t, c.NextAttemptAt)
				require.Equal(b.t, billing.ChargeCanceled, c.Status)
				require.Equal(b.t, "canceled", b.intentOf(c).Status)
				trail, err := b.store.AuditTrail(b.t.Context(), billing.AuditFilter{Plan: p.Plan.ID})
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
	*mailbox
	died bool
}

// Send sends and dies.
func (m *dyingMailer) Send(ctx context.Context, mail billing.Mail) (billing.Delivery, error) {
	d, err := m.mailbox.Send(ctx, mail)
	if !m.died {
		m.died = true
		panic(killed{})
	}
	return d, err
}
