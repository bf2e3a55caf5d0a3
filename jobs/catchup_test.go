package jobs_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// weekly is a plan that charges 19.00 USD every Thursday at 09:00 in London, until it is canceled.
func weekly(reference string, catchUp billing.CatchUp) func(t *terms.Terms) {
	return func(t *terms.Terms) {
		*t = terms.Terms{
			Reference: reference, Kind: billing.KindRecurring, Currency: "usd", Amount: 1900, Every: "1 week", CatchUp: catchUp, Account: t.Account,
			Customer: terms.Customer{Reference: "ada", Email: "ada@example.com", TimeZone: "Europe/London"},
		}
	}
}

// paidAt lists the times at which charges after the first were paid, by sequence.
func (b *bench) paidAt(ids ...billing.PlanID) []string {
	b.t.Helper()
	var list []string
	for _, id := range ids {
		for _, c := range b.Details(id).Charges[1:] {
			if c.Status == billing.ChargeSucceeded {
				list = append(list, c.PaidAt.Format("2006-01-02 15:04"))
			}
		}
	}
	return list
}

// hourly simulates the given number of hours, one at a time.
func (b *bench) hourly(hours int) {
	b.t.Helper()
	for range hours {
		b.Settle()
		b.SetNow(b.Now().Add(time.Hour))
	}
}

// TestCatchUp_Outage: after an outage of 26 days, a weekly plan is resumed at 03:00.
func TestCatchUp_Outage(t *testing.T) {
	for choice, want := range map[billing.CatchUp][]string{
		billing.CatchUpDaily:  {"2026-02-10 09:00", "2026-02-11 09:00", "2026-02-12 09:00"},
		billing.CatchUpAll:    {"2026-02-10 03:00", "2026-02-10 03:00", "2026-02-10 03:00"},
		billing.CatchUpLatest: {"2026-02-10 09:00"},
		billing.CatchUpNone:   nil,
	} {
		t.Run(choice.String(), func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				want := slices.Clone(want)
				p := b.Started(good, weekly("sub-1", choice)) // 22 January, 29 January, 5 February
				b.SetNow(time.Date(2026, 2, 10, 3, 0, 0, 0, time.UTC))
				for range 30 { // within an hour, because charges of a plan are made one after another
					b.Settle()
					b.SetNow(b.Now().Add(2 * time.Second))
				}
				b.SetNow(time.Date(2026, 2, 10, 4, 0, 0, 0, time.UTC))
				b.hourly(3*24 - 8)
				require.Equal(b.t, time.Date(2026, 2, 12, 20, 0, 0, 0, time.UTC), b.Now())
				got := b.paidAt(p.Plan.ID)
				if n := len(got); choice != billing.CatchUpDaily && n > 0 && got[n-1] == "2026-02-12 09:00" {
					got = got[:n-1] // the latest period was not missed
				}
				if choice == billing.CatchUpDaily {
					want = append(want, "2026-02-12 09:00") // the same
				}
				require.ElementsMatch(b.t, want, got)
				skipped := map[billing.CatchUp]int{billing.CatchUpLatest: 2, billing.CatchUpNone: 3}[choice]
				require.Equal(b.t, skipped, b.audited(p.Plan.ID, "charge.skipped"))
				d := b.Details(p.Plan.ID)
				require.Equal(b.t, d.Plan.Total, billing.SumOf(d.Charges))
			})
		})
	}
}

// TestCatchUp_Changed: a new catch_up of an existing plan applies to the next outage.
func TestCatchUp_Changed(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, weekly("sub-1", "")) // 22 January, 29 January, 5 February
		set := func(o *operator.Operator, choice string) error {
			_, err := o.SetCatchUp(b.t.Context(), p.Plan.ID, billing.CatchUpOf(choice))
			return err
		}
		var invalid *billing.InvalidError
		require.ErrorAs(b.t, set(b.Operator(), "hourly"), &invalid)
		var refused *operator.RefusedError
		require.ErrorAs(b.t, set(b.Operator(), "daily"), &refused)
		require.NoError(b.t, set(b.Operator().With(operator.Options{DryRun: true}), "latest"))
		require.Equal(b.t, billing.CatchUpDaily, b.Details(p.Plan.ID).Plan.CatchUp)
		require.NoError(b.t, set(b.Operator(), "latest"))
		require.Equal(b.t, 1, b.audited(p.Plan.ID, "plan.catch_up_changed"))
		b.SetNow(time.Date(2026, 2, 10, 3, 0, 0, 0, time.UTC))
		b.hourly(8)
		require.Equal(b.t, []string{"2026-02-10 09:00"}, b.paidAt(p.Plan.ID))
		require.Equal(b.t, 2, b.audited(p.Plan.ID, "charge.skipped"))
	})
}

// TestCatchUp_SeveralPlans: missed charges of one customer are made one a day, over all plans.
func TestCatchUp_SeveralPlans(t *testing.T) {
	eachEngine(t, func(b *bench) {
		one := b.Started(good, weekly("sub-1", "")).Plan.ID
		two := b.Started(good, weekly("sub-2", "")).Plan.ID
		b.SetNow(time.Date(2026, 1, 30, 12, 0, 0, 0, time.UTC))
		b.hourly(4 * 24)
		days := map[string]int{}
		for _, at := range b.paidAt(one, two) {
			days[at[:10]]++
		}
		require.Equal(b.t, map[string]int{"2026-01-30": 1, "2026-01-31": 1, "2026-02-01": 1, "2026-02-02": 1}, days)
	})
}

// TestCatchUp_DeadCard: two weeks of a daily plan on a card without funds cause one decline and one
// mail a day.
func TestCatchUp_DeadCard(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.startedWith(declinesLater("insufficient_funds"), daily("broke", "UTC", 20))
		b.Settle()
		mails := len(b.Mails.Mails)
		b.SetNow(start.AddDate(0, 0, 14).Add(time.Hour))
		for range 60 {
			b.Settle()
			b.SetNow(b.Now().Add(5 * time.Second))
		}
		declines := 0
		for _, list := range b.Details(plan).Attempts {
			for _, a := range list {
				if a.Outcome == billing.OutcomeDeclined {
					declines++
				}
			}
		}
		require.Equal(b.t, 2, declines, "one that was missed, and the one of today")
		require.LessOrEqual(b.t, len(b.Mails.Mails)-mails, 2)
	})
}

// TestCatchUp_RetriedByHand: a charge that an operator retries is made at once.
func TestCatchUp_RetriedByHand(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, weekly("sub-1", ""))
		b.SetNow(time.Date(2026, 1, 23, 2, 0, 0, 0, time.UTC))
		b.Settle()
		require.Empty(b.t, b.paidAt(p.Plan.ID))
		_, err := b.Operator().Retry(b.t.Context(), b.Charge(p.Plan.ID, 2).ID)
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, []string{"2026-01-23 02:00"}, b.paidAt(p.Plan.ID))
	})
}

// givenUpRecurring is a monthly plan that was given up half a year ago and has a new card: two
// charges failed, others were missed.
func (b *bench) givenUpRecurring() billing.PlanID {
	b.t.Helper()
	p := b.Plan(func(t *terms.Terms) {
		weekly("sub-1", "")(t)
		t.Every = "1 month"
	})
	require.NoError(b.t, b.Pay(p.FirstPayment.ClientSecret, declinesLater("expired_card")))
	b.Settle()
	b.Advance(75)
	require.Equal(b.t, billing.PlanDefaulted, b.Details(p.Plan.ID).Plan.Status)
	b.Advance(180)
	b.newCard(p.Plan.ID, otherCard)
	b.Settle()
	return p.Plan.ID
}

func TestRestart_Missed(t *testing.T) {
	for missed, want := range map[operator.Missed]struct{ today, skipped, after int }{
		operator.MissedAll:    {8, 0, 0},
		operator.MissedDaily:  {1, 0, 7},
		operator.MissedLatest: {1, 6, 0},
		operator.MissedNone:   {0, 7, 0},
	} {
		t.Run(string(missed), func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				id := b.givenUpRecurring()
				before, _ := b.Succeeded()
				_, err := b.Operator().Restart(b.t.Context(), id, "")
				var refused *operator.RefusedError
				require.ErrorAs(b.t, err, &refused)
				require.ErrorContains(b.t, err, "19.00 USD due 15 Feb 2026", "it lists what would be charged")
				r, err := b.Operator().Restart(b.t.Context(), id, missed)
				require.NoError(b.t, err)
				at := b.Now()
				for range 60 {
					b.Settle()
					b.SetNow(b.Now().Add(5 * time.Second))
				}
				made, _ := b.Succeeded()
				require.Equal(b.t, want.today, made-before, "%s", r.Next)
				b.SetNow(at)
				b.Advance(9)
				later, _ := b.Succeeded()
				require.Equal(b.t, want.after, later-made, "%s", r.Next)
				d := b.Details(id)
				require.Equal(b.t, d.Plan.Total, billing.SumOf(d.Charges))
				require.True(b.t, d.Plan.Status.Collects(), "%s", d.Plan.Status)
			})
		})
	}
}

func TestResume_Missed(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, weekly("sub-1", ""))
		stops()["paused"](b, p)
		b.Advance(26)
		resume := func(o *operator.Operator, missed operator.Missed) (operator.Result, error) {
			return o.Resume(b.t.Context(), p.Plan.ID, operator.CatchUp, missed)
		}
		_, err := resume(b.Operator(), "")
		require.ErrorContains(b.t, err, "3 charges were missed")
		_, err = resume(b.Operator(), "hourly")
		var invalid *billing.InvalidError
		require.ErrorAs(b.t, err, &invalid)
		would, err := resume(b.Operator().With(operator.Options{DryRun: true}), operator.MissedDaily)
		require.NoError(b.t, err)
		require.Contains(b.t, would.Next, "charge 2 of 19.00 USD is made at once; charge 3 of 19.00 USD is made Wed 11 Feb 2026 09:00")
		require.Equal(b.t, billing.PlanPaused, b.Details(p.Plan.ID).Plan.Status)
		r, err := resume(b.Operator(), operator.MissedDaily)
		require.NoError(b.t, err)
		require.Equal(b.t, would.Next, r.Next)
		b.hourly(3 * 24)
		require.Equal(b.t, []string{"2026-02-10 10:00", "2026-02-11 09:00", "2026-02-12 09:00", "2026-02-12 09:00"}, b.paidAt(p.Plan.ID))
	})
}

// TestAdopt_Late: a PaymentIntent of the merchant's own is found 65 days late. The parts keep their
// interval.
func TestAdopt_Late(t *testing.T) {
	eachEngine(t, func(b *bench) {
		if b.Account != "" {
			return
		}
		made := b.post("/v1/payment_intents", "amount", "25000", "currency", "usd", "payment_method_types[]", "card", "setup_future_usage", "off_session",
			"metadata[tranche_kind]", "installments", "metadata[tranche_total]", "100000", "metadata[tranche_parts]", "4",
			"metadata[tranche_every]", "1 month", "metadata[tranche_reference]", "order-9", "metadata[tranche_email]", "ada@example.com")
		require.NoError(b.t, b.Pay(billing.Secret(made["client_secret"].(string)), stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}, SetupFutureUsage: "off_session"}))
		bodies := b.Arrived()
		b.SetNow(b.Now().AddDate(0, 0, 65))
		b.TakeIn(bodies...)
		for range 10 {
			b.Settle()
			b.SetNow(b.Now().Add(5 * time.Second))
		}
		count, _ := b.Succeeded()
		require.Equal(b.t, 1, count)
		plan, err := b.Store.PlanByReference(b.t.Context(), "order-9")
		require.NoError(b.t, err)
		require.Equal(b.t, "2026-04-21", b.Charge(plan.ID, 2).DueAt.Format(time.DateOnly), "a month after it was found")
	})
}

// TestCatchUp_OneMail: all charges that are declined in one catch-up, over all plans of a customer,
// are reported in one mail.
func TestCatchUp_OneMail(t *testing.T) {
	eachEngine(t, func(b *bench) {
		one := b.startedWith(declinesLater("expired_card"), weekly("sub-1", billing.CatchUpAll))
		two := b.startedWith(declinesLater("expired_card"), weekly("sub-2", billing.CatchUpAll))
		b.Settle()
		sent := len(b.Mails.Mails)
		b.SetNow(time.Date(2026, 2, 10, 3, 0, 0, 0, time.UTC)) // three periods of each are missed
		for range 30 {
			b.Settle()
			b.SetNow(b.Now().Add(time.Minute))
		}
		mails := b.Mails.Mails[sent:]
		require.Len(b.t, mails, 1, "%v", mails)
		require.Contains(b.t, mails[0].Text, "sub-1")
		require.Contains(b.t, mails[0].Text, "sub-2")
		first := 0
		for _, id := range []billing.PlanID{one, two} {
			notices := b.noticesOfKind(id, billing.NoticePaymentFailed)
			require.NotEmpty(b.t, notices)
			for _, n := range notices {
				require.Equal(b.t, billing.NoticeSent, n.Status)
				require.NotEmpty(b.t, n.Data.MailedWith)
				if n.ID == n.Data.MailedWith {
					first++
					continue
				}
				require.Contains(b.t, n.Reason, "in one mail with notice "+string(n.Data.MailedWith))
			}
			require.Equal(b.t, len(notices), b.audited(id, "notice.sent")-1, "beside the receipt")
		}
		require.Equal(b.t, 1, first)
	})
}
