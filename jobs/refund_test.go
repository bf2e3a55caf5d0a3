package jobs_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/stripesim"
)

// incidents lists the incidents of a kind, newest first.
func (b *bench) incidents(kind billing.IncidentKind) []billing.Incident {
	b.t.Helper()
	list, err := b.Store.Incidents(b.t.Context(), billing.IncidentFilter{Kind: kind})
	require.NoError(b.t, err)
	return list
}

// refundOf returns the last refund that was ordered for a charge.
func (b *bench) refundOf(c billing.Charge) billing.Refund {
	b.t.Helper()
	list, err := b.Store.Refunds(b.t.Context(), c.ID)
	require.NoError(b.t, err)
	require.NotEmpty(b.t, list)
	return list[len(list)-1]
}

// canceledWithRefund is a canceled plan whose first payment is to be refunded.
func (b *bench) canceledWithRefund(number string) billing.Charge {
	b.t.Helper()
	p := b.Started(number, nil)
	_, err := b.Operator().CancelAndRefund(b.t.Context(), p.Plan.ID, "")
	require.NoError(b.t, err)
	require.NotContains(b.t, b.Notices(p.Plan.ID), billing.NoticeRefundMade, "nothing is promised before Stripe accepts it")
	return b.Charge(p.Plan.ID, 1)
}

// noRefunds is a key that may not refund while locked is set.
type noRefunds struct {
	billing.Gateway
	locked bool
	keys   []string
}

// CreateRefund implements billing.Gateway.
func (g *noRefunds) CreateRefund(ctx context.Context, key string, p billing.RefundParams) (billing.StripeRefund, error) {
	g.keys = append(g.keys, key)
	if g.locked {
		return billing.StripeRefund{}, &billing.GatewayError{Op: "refund", Kind: billing.GatewayUnauthorized, Failure: billing.Failure{Message: "the key lacks permission"}}
	}
	return g.Gateway.CreateRefund(ctx, key, p)
}

func TestRefund_KeyWithoutPermission(t *testing.T) {
	eachEngine(t, func(b *bench) {
		gateway := &noRefunds{Gateway: b.Gateway.Gateway, locked: true}
		b.Gateway.Gateway = gateway
		c := b.canceledWithRefund(good)
		b.Settle()
		open := b.incidents(billing.IncidentRefundRefused)
		require.Len(b.t, open, 1)
		require.True(b.t, open[0].Open())
		require.Equal(b.t, c.ID, open[0].ChargeID)
		require.Contains(b.t, open[0].Detail, "the key lacks permission")
		require.NotContains(b.t, b.Notices(c.PlanID), billing.NoticeRefundMade)

		gateway.locked = false
		b.SetNow(b.Now().Add(time.Hour))
		b.Settle()
		require.Equal(b.t, billing.RefundMade, b.refundOf(c).Status)
		require.False(b.t, b.incidents(billing.IncidentRefundRefused)[0].Open(), "the refund is made")
		require.Contains(b.t, b.Notices(c.PlanID), billing.NoticeRefundMade)
		require.Greater(b.t, len(gateway.keys), 1)
		require.Len(b.t, slices.Compact(slices.Clone(gateway.keys)), 1, "every try has the key that was written with the order")
		b.Gateway.Gateway = gateway.Gateway
		b.agreesWithStripe()
	})
}

func TestRefund_MadeInDashboardInstead(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.Gateway.Gateway = &noRefunds{Gateway: b.Gateway.Gateway, locked: true}
		c := b.canceledWithRefund(good)
		b.Settle()
		b.post("/v1/refunds", "payment_intent", c.PaymentIntent)
		b.Settle()
		require.Equal(b.t, billing.RefundMade, b.refundOf(c).Status)
		require.False(b.t, b.incidents(billing.IncidentRefundRefused)[0].Open())
		after := b.Charge(c.PlanID, 1)
		require.Equal(b.t, billing.ChargeRefunded, after.Status)
		require.Zero(b.t, after.NextAttemptAt, "it is not asked again")
	})
}

func TestRefund_RefusedForGood(t *testing.T) {
	eachEngine(t, func(b *bench) {
		c := b.canceledWithRefund(good)
		_, err := b.Sim.Dispute(c.PaymentIntent, "fraudulent") // before the worker asks
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, billing.RefundFailed, b.refundOf(c).Status)
		require.True(b.t, b.incidents(billing.IncidentRefundRefused)[0].Open())
		require.NotContains(b.t, b.Notices(c.PlanID), billing.NoticeRefundMade)
		require.Zero(b.t, b.Charge(c.PlanID, 1).NextAttemptAt)
	})
}

func TestRefund_AcceptedThenFails(t *testing.T) {
	for name, number := range map[string]string{"accepted": good, "pending": "4000000000007726"} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				c := b.canceledWithRefund(number)
				b.Settle()
				made := b.refundOf(c)
				require.Equal(b.t, billing.RefundMade, made.Status)
				require.Contains(b.t, b.Notices(c.PlanID), billing.NoticeRefundMade)
				require.NotContains(b.t, b.Notices(c.PlanID), billing.NoticeRefundFailed)
				require.Equal(b.t, billing.ChargeRefunded, b.Charge(c.PlanID, 1).Status)

				b.SetNow(b.Now().AddDate(0, 0, 5))
				require.NoError(b.t, b.Sim.FailRefund(made.StripeRefund))
				bodies := b.Arrived()
				slices.Reverse(bodies)
				b.TakeIn(append(bodies, bodies...)...)
				b.Settle()
				after := b.refundOf(c)
				require.Equal(b.t, billing.RefundFailed, after.Status)
				require.Contains(b.t, after.Failure, "lost_or_stolen_card")
				require.Equal(b.t, billing.ChargeSucceeded, b.Charge(c.PlanID, 1).Status)
				require.Zero(b.t, b.Charge(c.PlanID, 1).AmountRefunded)
				require.Equal(b.t, 1, b.audited(c.PlanID, "charge.refund_failed"))
				open := b.incidents(billing.IncidentRefundFailed)
				require.Len(b.t, open, 1)
				require.Equal(b.t, made.StripeRefund, open[0].Subject)
				failed := slices.DeleteFunc(b.Notices(c.PlanID), func(k billing.NoticeKind) bool { return k != billing.NoticeRefundFailed })
				require.Len(b.t, failed, 1, "the customer who was promised it is notified once")

				_, err := b.Operator().CloseIncident(b.t.Context(), open[0].ID, "paid by transfer")
				require.NoError(b.t, err)
				b.post("/v1/refunds/"+made.StripeRefund, "metadata[note]", "late news") // refund.updated once more
				b.Settle()
				require.Len(b.t, b.incidents(billing.IncidentRefundFailed), 1, "a closed incident stays closed")
				b.agreesWithStripe()
			})
		})
	}
}

func TestRefund_FailsAtOnce(t *testing.T) {
	eachEngine(t, func(b *bench) {
		c := b.canceledWithRefund("4000000000005126")
		b.Settle()
		require.Equal(b.t, billing.RefundFailed, b.refundOf(c).Status)
		require.True(b.t, b.incidents(billing.IncidentRefundFailed)[0].Open())
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(c.PlanID, 1).Status)
	})
}

func TestRefund_DashboardRefundFails(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		made := b.post("/v1/refunds", "payment_intent", p.FirstPayment.ID, "amount", "100")
		b.Settle()
		require.Contains(b.t, b.Notices(p.Plan.ID), billing.NoticeRefundMade)
		require.NoError(b.t, b.Sim.FailRefund(made["id"].(string)))
		b.Settle()
		require.Len(b.t, b.incidents(billing.IncidentRefundFailed), 1)
		require.Contains(b.t, b.Notices(p.Plan.ID), billing.NoticeRefundFailed)
		require.Zero(b.t, b.Charge(p.Plan.ID, 1).AmountRefunded)
	})
}

func TestRefund_OrderedQuiet(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		_, err := b.Operator().With(operator.Options{Quiet: true}).CancelAndRefund(b.t.Context(), p.Plan.ID, "")
		require.NoError(b.t, err)
		b.Settle()
		c := b.Charge(p.Plan.ID, 1)
		require.NoError(b.t, b.Sim.FailRefund(b.refundOf(c).StripeRefund))
		b.Settle()
		list, err := b.Store.Notices(b.t.Context(), billing.NoticeFilter{Charge: c.ID})
		require.NoError(b.t, err)
		for _, n := range list {
			require.NotEqual(b.t, billing.NoticeRefundFailed, n.Kind, "nothing was promised")
			require.True(b.t, n.Kind != billing.NoticeRefundMade || n.Status == billing.NoticeFailed)
		}
		require.Len(b.t, b.incidents(billing.IncidentRefundFailed), 1)
	})
}

func TestRefund_ServerErrorKeptUnderTheKey(t *testing.T) {
	for _, action := range []stripesim.FaultAction{stripesim.ActionServerError, stripesim.ActionServerErrorExecuted} {
		t.Run(string(action), func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				b.serverErrors(action, "/v1/refunds", 1)
				c := b.canceledWithRefund(good)
				for range 10 {
					b.RunDue()
					b.Arrived() // the events are lost
					b.SetNow(b.Now().Add(time.Minute))
				}
				require.Equal(b.t, billing.RefundMade, b.refundOf(c).Status)
				b.Settle()
				payment, err := b.Gateway.Payment(b.OnAccount(), c.PaymentIntent)
				require.NoError(b.t, err)
				require.Equal(b.t, payment.Amount, payment.AmountRefunded)
				require.Empty(b.t, b.incidents(billing.IncidentRefundRefused))
			})
		})
	}
}

// The mail server is down while a refund is accepted and then fails: neither mail would be true.
func TestRefund_FailsBeforeItsMailIsSent(t *testing.T) {
	for name, refund := range map[string]func(b *bench) (billing.PlanID, string){
		"ordered here": func(b *bench) (billing.PlanID, string) {
			c := b.canceledWithRefund(good)
			b.Settle()
			return c.PlanID, b.refundOf(c).StripeRefund
		},
		"made in the dashboard": func(b *bench) (billing.PlanID, string) {
			p := b.Started(good, nil)
			made := b.post("/v1/refunds", "payment_intent", p.FirstPayment.ID, "amount", "100")
			b.Settle()
			return p.Plan.ID, made["id"].(string)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				b.Mails.Fail = &billing.MailError{Err: errors.New("the server is away")}
				plan, id := refund(b)
				require.Len(b.t, b.noticesOfKind(plan, billing.NoticeRefundMade), 1)
				require.NoError(b.t, b.Sim.FailRefund(id))
				b.Settle()
				require.Len(b.t, b.incidents(billing.IncidentRefundFailed), 1)
				b.Mails.Fail = nil
				for range 30 {
					b.SetNow(b.Now().Add(5 * time.Minute))
					b.Settle()
				}
				for _, kind := range []billing.NoticeKind{billing.NoticeRefundMade, billing.NoticeRefundFailed} {
					for _, n := range b.noticesOfKind(plan, kind) {
						require.Equal(b.t, billing.NoticeDropped, n.Status, kind)
					}
				}
				require.Len(b.t, b.noticesOfKind(plan, billing.NoticeRefundMade), 1)
			})
		})
	}
}

// paidOutsideAndAtStripe is a plan whose second charge is paid outside Stripe and, a second later,
// at Stripe.
func (b *bench) paidOutsideAndAtStripe() billing.Charge {
	b.t.Helper()
	p := b.declinedOnce()
	c := b.Charge(p.Plan.ID, 2)
	_, err := b.Operator().PaidOutside(b.t.Context(), c.ID, "in cash")
	require.NoError(b.t, err)
	require.NoError(b.t, b.Pay(b.secretOf(c), stripesim.PaymentDetails{Card: &stripesim.Card{Number: otherCard}}))
	b.Settle()
	return b.Charge(p.Plan.ID, 2)
}

// requirePaidTwice requires one open incident about a payment, which reconciliation also reports.
func (b *bench) requirePaidTwice(c billing.Charge, paymentIntent string) {
	b.t.Helper()
	list := b.incidents(billing.IncidentPaidTwice)
	require.Len(b.t, list, 1)
	require.True(b.t, list[0].Open())
	require.Equal(b.t, paymentIntent, list[0].Subject)
	require.Equal(b.t, c.ID, list[0].ChargeID)
	require.Contains(b.t, list[0].Detail, "paid twice: refund "+paymentIntent)
	require.Equal(b.t, 1, b.audited(c.PlanID, "charge.paid_twice"))
	require.Equal(b.t, list, b.Details(c.PlanID).Incidents, "the plan shows it")
	b.SetNow(b.Now().Add(time.Hour))
	_, found := b.reconcile(120)
	require.Len(b.t, found, 1)
	require.Equal(b.t, paymentIntent, found[0].PaymentIntent)
}

// requireRefunded orders the refund of the second payment twice. It requires that the refund is
// made once and the incident is closed.
func (b *bench) requireRefunded(c billing.Charge, paymentIntent string) {
	b.t.Helper()
	would, err := b.Operator().With(operator.Options{DryRun: true}).RefundDuplicate(b.t.Context(), c.ID)
	require.NoError(b.t, err)
	require.Contains(b.t, would.Message, paymentIntent)
	for range 2 {
		_, err = b.Operator().RefundDuplicate(b.t.Context(), c.ID)
		require.NoError(b.t, err)
	}
	require.Equal(b.t, 1, b.audited(c.PlanID, "charge.refund_ordered"))
	b.Settle()
	b.SetNow(b.Now().Add(time.Hour))
	b.Settle()
	require.False(b.t, b.incidents(billing.IncidentPaidTwice)[0].Open())
	payment, err := b.Gateway.Payment(b.OnAccount(), paymentIntent)
	require.NoError(b.t, err)
	require.Equal(b.t, payment.Amount, payment.AmountRefunded)
	refunds, err := b.Store.Refunds(b.t.Context(), c.ID)
	require.NoError(b.t, err)
	require.Len(b.t, refunds, 1)
	require.Contains(b.t, b.Notices(c.PlanID), billing.NoticeRefundMade)
	after := b.Details(c.PlanID)
	require.Equal(b.t, billing.ChargeSucceeded, after.Charges[c.Sequence-1].Status, "the first payment stays paid")
	require.NotEqual(b.t, billing.PlanPaused, after.Plan.Status)
	_, err = b.Operator().RefundDuplicate(b.t.Context(), c.ID)
	var refused *operator.RefusedError
	require.ErrorAs(b.t, err, &refused, "nothing waits any more")
	_, found := b.reconcile(120)
	require.Empty(b.t, found)
}

func TestPaidTwice_OutsideAndAtStripe(t *testing.T) {
	eachEngine(t, func(b *bench) {
		c := b.paidOutsideAndAtStripe()
		require.False(b.t, c.PaidOutside)
		b.requirePaidTwice(c, c.PaymentIntent)
		b.requireRefunded(c, c.PaymentIntent)
		require.True(b.t, b.Charge(c.PlanID, 2).PaidOutside, "it is paid outside, as it was")
	})
}

func TestPaidTwice_RefundOfDuplicateFails(t *testing.T) {
	eachEngine(t, func(b *bench) {
		c := b.paidOutsideAndAtStripe()
		b.requireRefunded(c, c.PaymentIntent)
		require.NoError(b.t, b.Sim.FailRefund(b.refundOf(c).StripeRefund))
		b.Settle()
		after := b.Charge(c.PlanID, 2)
		require.False(b.t, after.PaidOutside)
		require.Zero(b.t, after.AmountRefunded)
		require.Len(b.t, b.incidents(billing.IncidentRefundFailed), 1)
		require.Equal(b.t, billing.RefundFailed, b.refundOf(c).Status)
	})
}

func TestPaidTwice_SameReferenceAdoptedTwice(t *testing.T) {
	eachEngine(t, func(b *bench) {
		pay := func() string {
			made := b.post("/v1/payment_intents", "amount", "5000", "currency", "usd", "confirm", "true", "payment_method", "pm_card_visa",
				"payment_method_types[]", "card", "setup_future_usage", "off_session", "metadata[tranche_reference]", "twice",
				"metadata[tranche_kind]", "installments", "metadata[tranche_total]", "20000", "metadata[tranche_parts]", "4",
				"metadata[tranche_every]", "1 month", "metadata[tranche_email]", "a@example.com")
			return made["id"].(string)
		}
		first := pay()
		b.Settle()
		second := pay()
		b.Settle()
		plan, err := b.Store.PlanByReference(b.t.Context(), "twice")
		require.NoError(b.t, err)
		c := b.Charge(plan.ID, 1)
		require.Equal(b.t, first, c.PaymentIntent)
		require.Equal(b.t, billing.EventHandled, b.event("payment_intent.succeeded").Status)
		b.requirePaidTwice(c, second)
		b.requireRefunded(c, second)
	})
}

func TestPaidTwice_AnotherPaymentIntentOfThePaidCharge(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		c := b.Charge(p.Plan.ID, 1)
		made := b.post("/v1/payment_intents", "amount", "25003", "currency", "usd", "confirm", "true", "payment_method", "pm_card_visa",
			"payment_method_types[]", "card", "metadata[tranche_charge]", string(c.ID))
		b.Settle()
		second := made["id"].(string)
		b.requirePaidTwice(c, second)
		b.requireRefunded(c, second)
	})
}

func TestPaidTwice_RefundedInDashboard(t *testing.T) {
	eachEngine(t, func(b *bench) {
		c := b.paidOutsideAndAtStripe()
		b.requirePaidTwice(c, c.PaymentIntent)
		b.post("/v1/refunds", "payment_intent", c.PaymentIntent)
		b.Settle()
		require.False(b.t, b.incidents(billing.IncidentPaidTwice)[0].Open())
		after := b.Charge(c.PlanID, 2)
		require.True(b.t, after.PaidOutside)
		require.Equal(b.t, billing.ChargeSucceeded, after.Status)
		require.Contains(b.t, b.Notices(c.PlanID), billing.NoticeRefundMade)
	})
}
