package jobs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/operator"
)

// rejecting refuses to create PaymentIntents while on is set: the fault is the merchant's.
type rejecting struct {
	billing.Gateway
	on bool
}

func (g *rejecting) CreatePaymentIntent(ctx context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	if !g.on {
		return g.Gateway.CreatePaymentIntent(ctx, key, p)
	}
	return billing.PaymentIntent{}, &billing.GatewayError{
		Op: "create PaymentIntent", Kind: billing.GatewayRejected, HTTPStatus: 400, Type: "invalid_request_error",
		Failure: billing.Failure{Code: "amount_too_small", Message: "Amount must convert to at least 50 cents."},
	}
}

// refusedAmounts is a plan of quarterly charges, and a Stripe that refuses to create the second
// payment.
func (b *bench) refusedAmounts(begin func() billing.PlanID) (billing.PlanID, *rejecting) {
	b.t.Helper()
	plan := begin()
	stripe := &rejecting{b.Gateway.Gateway, true}
	b.Gateway.Gateway = stripe
	b.SetNow(b.Charge(plan, 2).DueAt.Add(1))
	b.Settle()
	return plan, stripe
}

// requireRefused requires that the charge is, or is not, among those that only the merchant can
// fix.
func (b *bench) requireRefused(c billing.Charge, want bool) {
	b.t.Helper()
	backlog, ok := b.Store.(billing.BacklogStore)
	require.True(b.t, ok)
	found, err := backlog.Backlog(b.t.Context(), billing.BacklogRefused, time.Time{}, b.Now())
	require.NoError(b.t, err)
	if want {
		require.Equal(b.t, []string{string(c.ID)}, found.IDs)
	} else {
		require.Empty(b.t, found.IDs)
	}
	stranded, err := backlog.Backlog(b.t.Context(), billing.BacklogStranded, start, b.Now())
	require.NoError(b.t, err)
	require.Empty(b.t, stranded.IDs)
}

func TestMerchantsFault_StaysTheMerchants(t *testing.T) {
	for name, fail := range map[string]func(b *bench) billing.PlanID{
		"a refused request": func(b *bench) billing.PlanID {
			plan, _ := b.refusedAmounts(func() billing.PlanID { return b.Started(good, quarterly).Plan.ID })
			return plan
		},
		"a decline": func(b *bench) billing.PlanID { return b.failedOnce("invalid_amount", quarterly) },
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				plan := fail(b)
				mails := len(b.Mails.Mails)
				b.Advance(60)
				d := b.Details(plan)
				require.Equal(b.t, billing.PlanPastDue, d.Plan.Status, "it is not given up")
				require.Equal(b.t, billing.ChargeFailed, d.Charges[1].Status)
				require.Empty(b.t, b.newNotices(plan))
				require.Len(b.t, b.Mails.Mails, mails)
				b.requireRefused(d.Charges[1], true)
			})
		})
	}
}

func TestMerchantsFault_Repair(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan, stripe := b.refusedAmounts(func() billing.PlanID { return b.Started(good, quarterly).Plan.ID })
		b.Advance(40)
		c := b.Charge(plan, 2)
		stripe.on = false
		_, err := b.Operator().SetAmount(b.t.Context(), c.ID, c.Amount+100)
		require.NoError(b.t, err, "Stripe holds no payment of the old amount")
		_, err = b.Operator().Retry(b.t.Context(), c.ID)
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, billing.ChargeSucceeded, b.Charge(plan, 2).Status, b.Charge(plan, 2).Reason)
		require.Equal(b.t, c.Amount+100, b.Charge(plan, 2).Amount)
		b.requireRefused(c, false)
		require.Equal(b.t, billing.DunningClosed, b.dunningOf(c).Status)
	})
}

// refusedAmount is a charge that Stripe declined because of its amount, and whose amount the
// merchant has changed.
func (b *bench) refusedAmount() (billing.Charge, billing.Secret) {
	b.t.Helper()
	plan := b.startedWith(declinesLater("invalid_amount", "sim_decline_count", "1"), quarterly)
	b.SetNow(b.Charge(plan, 2).DueAt.Add(1))
	b.Settle()
	c := b.Charge(plan, 2)
	require.NotEmpty(b.t, c.PaymentIntent)
	secret := b.secretOf(c)
	r, err := b.Operator().SetAmount(b.t.Context(), c.ID, c.Amount-100)
	require.NoError(b.t, err)
	require.Contains(b.t, r.Next, c.PaymentIntent)
	return c, secret
}

func TestMerchantsFault_RepairWithPaymentIntent(t *testing.T) {
	eachEngine(t, func(b *bench) {
		old, _ := b.refusedAmount()
		_, err := b.Operator().Retry(b.t.Context(), old.ID)
		require.NoError(b.t, err)
		b.Settle()
		c := b.Charge(old.PlanID, 2)
		require.Equal(b.t, billing.ChargeSucceeded, c.Status, c.Reason)
		require.NotEqual(b.t, old.PaymentIntent, c.PaymentIntent)
		require.Equal(b.t, billing.IntentCanceled, b.intentStatus(old.PaymentIntent))
		pi, err := b.Gateway.PaymentIntent(b.OnAccount(), c.PaymentIntent)
		require.NoError(b.t, err)
		require.Equal(b.t, old.Amount-100, pi.Amount)
		count, _ := b.Succeeded()
		require.Equal(b.t, 2, count)
	})
}

// The customer pays the old amount from a page that was open: the payment does not count as this
// charge, and nothing more is charged.
func TestMerchantsFault_OldAmountPaid(t *testing.T) {
	for name, pay := range map[string]func(b *bench, pay func()){
		"before the retry":     func(_ *bench, pay func()) { pay() },
		"while it is replaced": func(b *bench, pay func()) { b.Gateway.BeforeCancel = func() { b.Gateway.BeforeCancel = nil; pay() } },
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				old, secret := b.refusedAmount()
				pay(b, func() { require.NoError(b.t, b.Pay(secret, withCard(otherCard))) })
				_, err := b.Operator().Retry(b.t.Context(), old.ID)
				require.NoError(b.t, err)
				b.Settle()
				b.Advance(3)
				c := b.Charge(old.PlanID, 2)
				require.Equal(b.t, billing.ChargeFailed, c.Status)
				require.Zero(b.t, c.PaidAt)
				require.Equal(b.t, 1, b.audited(old.PlanID, "charge.amount_differs"))
				count, _ := b.Succeeded()
				require.Equal(b.t, 2, count, "the first payment, and what the customer paid")
			})
		})
	}
}

func TestSetAmount_DeclinedCard(t *testing.T) {
	eachEngine(t, func(b *bench) {
		c := b.Charge(b.failedOnce("insufficient_funds", quarterly), 2)
		_, err := b.Operator().SetAmount(b.t.Context(), c.ID, c.Amount-100)
		var refused *operator.RefusedError
		require.ErrorAs(b.t, err, &refused, "the amount is not the fault")
	})
}

// TestMerchantsFault_BecomesTheCustomers has the card declined once the merchant's fault is fixed:
// from then on, the customer has the policy's full time.
func TestMerchantsFault_BecomesTheCustomers(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan, stripe := b.refusedAmounts(func() billing.PlanID { return b.startedWith(declinesLater("expired_card"), quarterly) })
		began := b.dunningOf(b.Charge(plan, 2))
		require.False(b.t, began.HeldAt.IsZero())
		b.Advance(40)
		stripe.on = false
		c := b.Charge(plan, 2)
		_, err := b.Operator().Retry(b.t.Context(), c.ID)
		require.NoError(b.t, err)
		b.Settle()
		c = b.Charge(plan, 2)
		require.Equal(b.t, billing.ChargeRequiresPaymentMethod, c.Status)
		b.requireRefused(c, false)
		d := b.dunningOf(c)
		london := billing.LoadLocation("Europe/London")
		require.True(b.t, d.HeldAt.IsZero())
		require.Equal(b.t, calendar.DateOf(b.Now(), london).AddDays(30).End(london), d.DeadlineAt)
		b.untilGivenUp(c)
		require.Equal(b.t, []billing.NoticeKind{
			billing.NoticePaymentFailed, billing.NoticePaymentFailed, billing.NoticeFinal, billing.NoticePlanDefaulted,
		}, b.newNotices(plan))
		for _, n := range b.noticesOfKind(plan, billing.NoticeFinal) {
			require.Equal(b.t, billing.ReasonExpired, n.Data.FailureReason)
		}
	})
}
