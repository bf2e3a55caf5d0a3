package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/recovery"
	"tranche/internal/stripesim"
)

// page is the recovery page of a customer, with a link for each charge of a plan.
type page struct {
	b     *bench
	desk  *recovery.Service
	links *recovery.Links
}

// page opens the recovery page on the bench's database and Stripe.
func (b *bench) page() page {
	return page{
		b: b,
		desk: &recovery.Service{
			Store: b.Store, Gateway: b.Gateway, Now: b.Now, Lease: time.Minute, MessageDomain: "shop.example",
			Reason: func(f billing.Failure) billing.Reason { return dunning.Classify(f, "").Reason },
		},
		links: &recovery.Links{
			Store: b.Store, Key: "0123456789012345678901234567890123", BaseURL: "https://pay.example", TTL: 90 * 24 * time.Hour, Now: b.Now,
		},
	}
}

// pay asks the page for a payment of a charge with a new card, and returns the client secret. It is
// empty if the page hands none out.
func (p page) pay(id billing.PlanID, sequence int) (billing.Secret, error) {
	p.b.t.Helper()
	d := p.b.Details(id)
	url, _, err := p.links.Create(p.b.t.Context(), d.Plan, d.Charges[sequence-1].ID)
	require.NoError(p.b.t, err)
	given, err := p.desk.Pay(p.b.t.Context(), url[len("https://pay.example/pay/"):], recovery.PayRequest{
		Charges: []billing.ChargeID{d.Charges[sequence-1].ID}, Evidence: &recovery.Evidence{TextVersion: "1", Text: "yes"},
	})
	if err != nil {
		return "", err
	}
	require.Len(p.b.t, given, 1)
	return given[0].ClientSecret, nil
}

// withCard is a new card that the customer agrees to save.
func withCard(number string) stripesim.PaymentDetails {
	return stripesim.PaymentDetails{Card: &stripesim.Card{Number: number}, SetupFutureUsage: "off_session"}
}

// requireVoid requires that nothing of a canceled charge can be paid at Stripe.
func (b *bench) requireVoid(c billing.Charge) {
	b.t.Helper()
	require.Zero(b.t, c.NextAttemptAt, "charge %d is at rest", c.Sequence)
	for _, pi := range b.Intents() {
		if pi.Metadata[billing.MetaCharge] == string(c.ID) {
			require.Equal(b.t, "canceled", pi.Status, "charge %d: %s can still be paid", c.Sequence, pi.ID)
		}
	}
}

func TestCancelCharge_OpenOnThePage(t *testing.T) {
	for name, stop := range map[string]func(b *bench, plan billing.PlanID){
		"deadline with at_end=cancel": func(b *bench, _ billing.PlanID) { b.Advance(33) },
		"plan canceled": func(b *bench, plan billing.PlanID) {
			_, err := b.Operator().Cancel(b.t.Context(), plan, "")
			require.NoError(b.t, err)
		},
		"plan canceled and refunded": func(b *bench, plan billing.PlanID) {
			_, err := b.Operator().CancelAndRefund(b.t.Context(), plan, "")
			require.NoError(b.t, err)
		},
		"charge skipped": func(b *bench, plan billing.PlanID) {
			_, err := b.Operator().Skip(b.t.Context(), b.Charge(plan, 4).ID, "")
			require.NoError(b.t, err)
		},
		"charge written off": func(b *bench, plan billing.PlanID) {
			_, err := b.Operator().WriteOff(b.t.Context(), b.Charge(plan, 4).ID, "")
			require.NoError(b.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				b.policies("[policy.default]\nat_end = \"cancel\"\ndeadline_days = 31\nfinal_notice_days = 3\nremind_days = 7")
				plan := b.startedWith(declinesLater("expired_card"), nil)
				secret, err := b.page().pay(plan, 4)
				require.NoError(b.t, err)
				require.NotEmpty(b.t, secret)
				b.SetNow(b.Charge(plan, 2).DueAt)
				b.Settle()
				stop(b, plan)
				b.Settle()
				c := b.Charge(plan, 4)
				require.Equal(b.t, billing.ChargeCanceled, c.Status)
				b.requireVoid(c)
				require.Error(b.t, b.Pay(secret, withCard(good)), "the page that is still open")
			})
		})
	}
}

func TestCancelPlan_AnswerThatNamesThePaymentIntentLost(t *testing.T) {
	for name, wait := range map[string]time.Duration{"key known": time.Minute, "key forgotten": 30 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				plan := b.Started(good, nil).Plan.ID
				b.SetNow(b.Now().Add(time.Minute))
				b.loseAnswer()
				_, err := b.page().pay(plan, 2)
				require.Error(b.t, err)
				require.Empty(b.t, b.Charge(plan, 2).PaymentIntent)
				_, err = b.Operator().Cancel(b.t.Context(), plan, "")
				require.NoError(b.t, err)
				b.Settle()
				require.NotZero(b.t, b.Charge(plan, 2).NextAttemptAt, "the answer may be on its way")
				b.SetNow(b.Now().Add(wait))
				b.Settle()
				b.requireVoid(b.Charge(plan, 2))
			})
		})
	}
}

func TestCancelPlan_PageAnsweredAfterwards(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.Started(good, nil).Plan.ID
		b.Gateway.After = func(pi billing.PaymentIntent, err error) (billing.PaymentIntent, error) {
			b.Gateway.After = nil
			_, canceled := b.Operator().Cancel(b.t.Context(), plan, "")
			require.NoError(b.t, canceled)
			b.RunDue()
			return pi, err
		}
		secret, err := b.page().pay(plan, 2)
		require.NoError(b.t, err)
		require.Empty(b.t, secret)
		b.Settle()
		b.requireVoid(b.Charge(plan, 2))
	})
}

func TestCancelPlan_CardWantsAuthenticationMeanwhile(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(authAlways, nil)
		task := b.claimed(p)
		b.Gateway.Before = func() { b.Gateway.Before = nil; stops()["canceled"](b, p) }
		b.Do(collectTask(string(task.ChargeID), task.Lease))
		b.Settle()
		c := b.Charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeCanceled, c.Status)
		b.requireVoid(c)
		require.NotContains(b.t, b.Notices(p.Plan.ID), billing.NoticeActionRequired)
	})
}
