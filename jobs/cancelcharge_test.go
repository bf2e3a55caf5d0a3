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
			Store: b.store, Gateway: b.gateway, Now: b.Now, Lease: time.Minute, MessageDomain: "shop.example",
			Reason: func(f billing.Failure) billing.Reason { return dunning.Classify(f, "").Reason },
		},
		links: &recovery.Links{
			Store: b.store, Key: "0123456789012345678901234567890123", BaseURL: "https://pay.example", TTL: 90 * 24 * time.Hour, Now: b.Now,
		},
	}
}

// pay asks the page for a payment of a charge with a new card, and returns the client secret. It is
// empty if the page hands none out.
func (p page) pay(id billing.PlanID, sequence int) (billing.Secret, error) {
	p.b.t.Helper()
	d := p.b.details(id)
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
	for _, pi := range b.intents() {
		if pi.Metadata[billing.MetaCharge] == string(c.ID) {
			require.Equal(b.t, "canceled", pi.Status, "charge %d: %s can still be paid", c.Sequence, pi.ID)
		}
	}
}

func TestCancelCharge_OpenOnThePage(t *testing.T) {
	for name, stop := range map[string]func(b *bench, plan billing.PlanID){
		"deadline with at_end=cancel": func(b *bench, _ billing.PlanID) { b.advance(33) },
		"plan canceled": func(b *bench, plan billing.PlanID) {
			_, err := b.operator().Cancel(b.t.Context(), plan, "")
			require.NoError(b.t, err)
		},
		"plan canceled and refunded": func(b *bench, plan billing.PlanID) {
			_, err := b.operator().CancelAndRefund(b.t.Context(), plan, "")
			require.NoError(b.t, err)
		},
		"charge skipped": func(b *bench, plan billing.PlanID) {
			_, err := b.operator().Skip(b.t.Context(), b.charge(plan, 4).ID, "")
			require.NoError(b.t, err)
		},
		"charge written off": func(b *bench, plan billing.PlanID) {
			_, err := b.operator().WriteOff(b.t.Context(), b.charge(plan, 4).ID, "")
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
				b.setNow(b.charge(plan, 2).DueAt)
				b.settle()
				stop(b, plan)
				b.settle()
				c := b.charge(plan, 4)
				require.Equal(b.t, billing.ChargeCanceled, c.Status)
				b.requireVoid(c)
				require.Error(b.t, b.pay(secret, withCard(good)), "the page that is still open")
			})
		})
	}
}

func TestCancelPlan_AnswerThatNamesThePaymentIntentLost(t *testing.T) {
	for name, wait := range map[string]time.Duration{"key known": time.Minute, "key forgotten": 30 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				plan := b.started(good, nil).Plan.ID
				b.setNow(b.Now().Add(time.Minute))
				b.loseAnswer()
				_, err := b.page().pay(plan, 2)
				require.Error(b.t, err)
				require.Empty(b.t, b.charge(plan, 2).PaymentIntent)
				_, err = b.operator().Cancel(b.t.Context(), plan, "")
				require.NoError(b.t, err)
				b.settle()
				require.NotZero(b.t, b.charge(plan, 2).NextAttemptAt, "the answer may be on its way")
				b.setNow(b.Now().Add(wait))
				b.settle()
				b.requireVoid(b.charge(plan, 2))
			})
		})
	}
}

func TestCancelPlan_PageAnsweredAfterwards(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.started(good, nil).Plan.ID
		b.gateway.after = func(pi billing.PaymentIntent, err error) (billing.PaymentIntent, error) {
			b.gateway.after = nil
			_, canceled := b.operator().Cancel(b.t.Context(), plan, "")
			require.NoError(b.t, canceled)
			b.runDue()
			return pi, err
		}
		secret, err := b.page().pay(plan, 2)
		require.NoError(b.t, err)
		require.Empty(b.t, secret)
		b.settle()
		b.requireVoid(b.charge(plan, 2))
	})
}

func TestCancelPlan_CardWantsAuthenticationMeanwhile(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.started(authAlways, nil)
		task := b.claimed(p)
		b.gateway.before = func() { b.gateway.before = nil; stops()["canceled"](b, p) }
		require.NoError(b.t, b.worker.Do(b.t.Context(), collectTask(string(task.ChargeID), task.Lease)))
		b.settle()
		c := b.charge(p.Plan.ID, 2)
		require.Equal(b.t, billing.ChargeCanceled, c.Status)
		b.requireVoid(c)
		require.NotContains(b.t, b.notices(p.Plan.ID), billing.NoticeActionRequired)
	})
}
