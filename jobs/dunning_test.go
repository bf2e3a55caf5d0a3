package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/dunning/policyfile"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
	"tranche/jobs"
)

// policies sets the dunning policies, as TOML.
func (b *bench) policies(text string) {
	b.t.Helper()
	p, err := policyfile.Parse("test.toml", []byte(text), morning)
	require.NoError(b.t, err)
	b.With(func(c *jobs.Config) { c.Policies = p })
	b.Planner.Policies = p.Names()
}

// dunningOf reads the dunning of a charge.
func (b *bench) dunningOf(c billing.Charge) billing.Dunning {
	b.t.Helper()
	d, err := b.Store.Dunning(b.t.Context(), c.ID)
	require.NoError(b.t, err)
	return d
}

// failedOnce is a plan of four charges whose second was declined.
func (b *bench) failedOnce(code string, change func(t *terms.Terms)) billing.PlanID {
	b.t.Helper()
	plan := b.startedWith(declinesLater(code), change)
	b.SetNow(b.Charge(plan, 2).DueAt.Add(1))
	b.Settle()
	return plan
}

// until simulates time until at, half a day at a time.
func (b *bench) until(at time.Time) {
	b.t.Helper()
	for b.Now().Before(at) {
		next := b.Now().Add(12 * time.Hour)
		if next.After(at) {
			next = at
		}
		b.SetNow(next)
		b.Settle()
	}
}

// newNotices lists the notices after the receipt of the first payment.
func (b *bench) newNotices(id billing.PlanID) []billing.NoticeKind {
	b.t.Helper()
	return b.Notices(id)[1:]
}

// untilGivenUp simulates time until a charge is given up, in the morning after its deadline.
func (b *bench) untilGivenUp(c billing.Charge) {
	b.t.Helper()
	d := b.dunningOf(c)
	kept, err := b.Store.PinnedPolicy(b.t.Context(), d.Policy)
	require.NoError(b.t, err)
	policy, err := dunning.ReadPolicy(kept.Content)
	require.NoError(b.t, err)
	customer, err := b.Store.Customer(b.t.Context(), c.CustomerID)
	require.NoError(b.t, err)
	b.until(policy.GivesUpAt(c.ID, d.DeadlineAt, billing.LoadLocation(customer.TimeZone)))
}

func TestACustomerWhoIsWaitedForIsRemindedAndGivenUpAtTheDeadline(t *testing.T) {
	for name, tc := range map[string]struct {
		code   string
		asks   billing.NoticeKind
		status billing.ChargeStatus
	}{
		"authenticate": {"authentication_required", billing.NoticeActionRequired, billing.ChargeRequiresAction},
		"new card":     {"expired_card", billing.NoticePaymentFailed, billing.ChargeRequiresPaymentMethod},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				plan := b.failedOnce(tc.code, func(t *terms.Terms) { t.Every = "3 months" })
				c := b.Charge(plan, 2)
				require.Equal(b.t, tc.status, c.Status)
				require.True(b.t, c.NextAttemptAt.IsZero(), "no timed retry")
				require.Equal(b.t, billing.PlanPastDue, b.Details(plan).Plan.Status)
				follow := b.dunningOf(c)

				b.until(follow.RemindAt.Add(-time.Minute))
				require.Equal(b.t, []billing.NoticeKind{tc.asks}, b.newNotices(plan))
				b.until(follow.RemindAt)
				require.Equal(b.t, []billing.NoticeKind{tc.asks, tc.asks}, b.newNotices(plan))
				b.until(follow.FinalAt)
				require.Equal(b.t, []billing.NoticeKind{tc.asks, tc.asks, billing.NoticeFinal}, b.newNotices(plan))
				require.Equal(b.t, tc.status, b.Charge(plan, 2).Status)
				b.until(follow.DeadlineAt)
				require.Equal(b.t, billing.PlanPastDue, b.Details(plan).Plan.Status, "the customer has the whole day")
				b.untilGivenUp(c)
				require.Equal(b.t, []billing.NoticeKind{tc.asks, tc.asks, billing.NoticeFinal, billing.NoticePlanDefaulted}, b.newNotices(plan))
				d := b.Details(plan)
				require.Equal(b.t, billing.PlanDefaulted, d.Plan.Status)
				require.Equal(b.t, billing.ChargeFailed, d.Charges[1].Status)
				require.Len(b.t, d.Attempts[c.ID], 1)
				require.Equal(b.t, billing.DunningClosed, b.dunningOf(c).Status)
			})
		})
	}
}

func TestNoticesBeforeTheEndNameTheDeadline(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("expired_card", nil)
		follow := b.dunningOf(b.Charge(plan, 2))
		b.untilGivenUp(b.Charge(plan, 2))
		all, err := b.Store.Notices(b.t.Context(), billing.NoticeFilter{Charge: follow.ChargeID})
		require.NoError(b.t, err)
		require.Len(b.t, all, 4)
		london := billing.LoadLocation("Europe/London")
		require.Equal(b.t, billing.NoticePlanDefaulted, all[0].Kind)
		require.Zero(b.t, all[0].Data.PayBy, "that day has passed")
		for _, n := range all[1:3] {
			require.Equal(b.t, follow.DeadlineAt, n.Data.PayBy, n.Kind)
			require.Equal(b.t, "23:59:59.999", n.Data.PayBy.In(london).Format("15:04:05.000"), "the day that the mail names ends then")
		}
		for _, n := range all[:3] {
			require.Equal(b.t, billing.ReasonExpired, n.Data.FailureReason)
			require.Equal(b.t, billing.NoticeSent, n.Status, n.Reason)
		}
	})
}

func TestWhatTheEndMeansForTheLaterCharges(t *testing.T) {
	for _, tc := range []struct {
		end     string
		plan    billing.PlanStatus
		later   billing.ChargeStatus
		notices int // plan_defaulted
	}{
		{"pause", billing.PlanDefaulted, billing.ChargeScheduled, 1},
		{"cancel", billing.PlanDefaulted, billing.ChargeCanceled, 1},
		{"keep", billing.PlanPastDue, billing.ChargeSucceeded, 0},
	} {
		t.Run(tc.end, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				b.policies("[policy.default]\nat_end = \"" + tc.end + "\"")
				details := declinesLater("expired_card", "sim_decline_count", "1")
				plan := b.startedWith(details, func(t *terms.Terms) { t.Parts, t.Every = 3, "2 months" })
				b.SetNow(b.Charge(plan, 2).DueAt.Add(1))
				b.Settle()
				b.until(b.Charge(plan, 3).DueAt.AddDate(0, 0, 2))
				d := b.Details(plan)
				require.Equal(b.t, tc.plan, d.Plan.Status)
				require.Equal(b.t, billing.ChargeFailed, d.Charges[1].Status)
				require.Equal(b.t, tc.later, d.Charges[2].Status, d.Charges[2].Reason)
				count := 0
				for _, kind := range b.Notices(plan) {
					if kind == billing.NoticePlanDefaulted {
						count++
					}
				}
				require.Equal(b.t, tc.notices, count)
				if tc.end != "keep" {
					require.Empty(b.t, d.Attempts[d.Charges[2].ID], "nothing more is charged")
				}
			})
		})
	}
}

func TestWhoIsGivenUpMayStillPay(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.policies("[policy.default]\nat_end = \"cancel\"")
		plan := b.failedOnce("expired_card", func(t *terms.Terms) { t.Parts = 3 })
		c := b.Charge(plan, 2)
		b.untilGivenUp(c)
		require.Equal(b.t, billing.PlanDefaulted, b.Details(plan).Plan.Status)
		b.payOnPage(c, good)
		d := b.Details(plan)
		require.Equal(b.t, billing.ChargeSucceeded, d.Charges[1].Status)
		require.Equal(b.t, billing.ChargeRetrying, d.Charges[2].Status, "it fell due before the end, is owed too, and has a card now")
		require.Zero(b.t, d.Charges[2].NextAttemptAt, "nothing is charged unless the plan is restarted")
		require.Equal(b.t, billing.PlanDefaulted, d.Plan.Status)
	})
}

// payOnPage pays a charge's PaymentIntent as the recovery page does.
func (b *bench) payOnPage(c billing.Charge, number string) {
	b.t.Helper()
	pi, err := b.Gateway.PaymentIntent(b.OnAccount(), c.PaymentIntent)
	require.NoError(b.t, err)
	require.NoError(b.t, b.Pay(pi.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: number}, SetupFutureUsage: "off_session"}))
	b.Settle()
}

func TestAChangeOfThePolicyDoesNotDisturbAChargeInDunning(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.policies("[policy.gentle]\ndeclined.days = [5, 6]\ndeadline_days = 40")
		plan := b.failedOnce("do_not_honor", func(t *terms.Terms) { t.Policy = "gentle" })
		c := b.Charge(plan, 2)
		before := b.dunningOf(c)
		b.policies("[policy.gentle]\ndeclined.days = [1]\ndeadline_days = 25")
		b.until(c.NextAttemptAt)
		again := b.Charge(plan, 2)
		require.Equal(b.t, billing.ChargeRetrying, again.Status, again.Reason)
		require.Contains(b.t, again.Reason, "retry 2 of 2")
		require.GreaterOrEqual(b.t, again.NextAttemptAt.Sub(c.NextAttemptAt), 5*24*time.Hour)
		after := b.dunningOf(c)
		require.Equal(b.t, before.Policy, after.Policy)
		require.Equal(b.t, before.DeadlineAt, after.DeadlineAt)

		other := b.failedOnce("do_not_honor", func(t *terms.Terms) {
			t.Reference, t.Policy, t.Customer.Reference = "order-2", "gentle", "grace"
		})
		require.Contains(b.t, b.Charge(other, 2).Reason, "retry 1 of 1", "what fails from now on follows the new one")
	})
}

func TestAPolicyThatIsGoneIsTheDefaultOne(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.policies("[policy.gentle]\ndeclined.days = [5]")
		plan := b.startedWith(declinesLater("do_not_honor"), func(t *terms.Terms) { t.Policy = "gentle" })
		b.policies("")
		b.SetNow(b.Charge(plan, 2).DueAt.Add(1))
		b.Settle()
		require.Contains(b.t, b.Charge(plan, 2).Reason, "retry 1 of 4")
	})
}

func TestTheDeadlineStandsStillWhileThePlanIsPaused(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("expired_card", nil)
		follow := b.dunningOf(b.Charge(plan, 2))
		b.setStatus(plan, billing.PlanPaused)
		b.until(follow.DeadlineAt.AddDate(0, 0, 10))
		require.Equal(b.t, billing.PlanPaused, b.Details(plan).Plan.Status)
		require.Equal(b.t, []billing.NoticeKind{billing.NoticePaymentFailed}, b.newNotices(plan))
		moved := b.dunningOf(b.Charge(plan, 2))
		require.Greater(b.t, moved.DeadlineAt.Sub(follow.DeadlineAt), 15*24*time.Hour)
		require.True(b.t, moved.RemindAt.After(b.Now()))
	})
}

func (b *bench) setStatus(id billing.PlanID, s billing.PlanStatus) {
	b.t.Helper()
	require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
		plan, err := tx.LockPlan(b.t.Context(), id)
		if err != nil {
			return err
		}
		plan.Status = s
		return tx.UpdatePlan(b.t.Context(), plan)
	}))
}

func TestNobodyIsGivenUpWithoutAFinalNotice(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("expired_card", func(t *terms.Terms) { t.Every = "5 months" })
		follow := b.dunningOf(b.Charge(plan, 2))
		b.SetNow(follow.DeadlineAt.AddDate(0, 0, 20)) // nothing ran for weeks
		b.Settle()
		require.Contains(b.t, b.newNotices(plan), billing.NoticeFinal)
		require.Equal(b.t, billing.PlanPastDue, b.Details(plan).Plan.Status)
		b.until(b.Now().AddDate(0, 0, 3))
		require.Equal(b.t, billing.PlanPastDue, b.Details(plan).Plan.Status)
		b.untilGivenUp(b.Charge(plan, 2))
		require.Equal(b.t, billing.PlanDefaulted, b.Details(plan).Plan.Status)
	})
}

func TestAStepThatRunsTwiceOrLateDoesNothing(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("expired_card", nil)
		follow := b.dunningOf(b.Charge(plan, 2))
		b.SetNow(follow.FinalAt)
		claims, err := b.Store.ClaimDunnings(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 10)
		require.NoError(b.t, err)
		require.Len(b.t, claims, 1)
		id := string(follow.ChargeID)
		require.NoError(b.t, b.Worker.Do(b.t.Context(), dunningTask(id, claims[0].Lease-1)), "a stale lease")
		require.Len(b.t, b.newNotices(plan), 1)
		for range 3 {
			b.Do(dunningTask(id, claims[0].Lease))
		}
		require.Equal(b.t, []billing.NoticeKind{billing.NoticePaymentFailed, billing.NoticeFinal}, b.newNotices(plan),
			"one final notice, which stands for the late reminder too")
		b.Do(dunningTask("chg_gone", 1))
	})
}

func TestAPaidChargeIsNotRemindedOf(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("authentication_required", func(t *terms.Terms) { t.Parts = 2 })
		c := b.Charge(plan, 2)
		b.payOnPage(c, good)
		require.Equal(b.t, billing.DunningClosed, b.dunningOf(c).Status)
		b.Advance(40)
		require.ElementsMatch(b.t, []billing.NoticeKind{
			billing.NoticeActionRequired, billing.NoticePaymentSucceeded, billing.NoticePlanCompleted,
		}, b.newNotices(plan), "no word of a card that nothing will be charged on")
		require.Equal(b.t, billing.PlanCompleted, b.Details(plan).Plan.Status)
	})
}

func TestAChargeThatWaitsForTheCustomerRaisesNoAlarm(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("authentication_required", nil)
		b.SetNow(b.Now().AddDate(0, 0, 5))
		backlog, ok := b.Store.(billing.BacklogStore)
		require.True(b.t, ok)
		for _, kind := range []billing.BacklogKind{billing.BacklogOverdue, billing.BacklogDeferred, billing.BacklogStranded} {
			found, err := backlog.Backlog(b.t.Context(), kind, start, b.Now())
			require.NoError(b.t, err)
			require.NotContains(b.t, found.IDs, string(b.Charge(plan, 2).ID), kind)
		}
	})
}

func TestWithdrawnConsentStopsTheWholePlan(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("revocation_of_all_authorizations", nil)
		calls := b.Gateway.Calls
		b.Advance(100)
		d := b.Details(plan)
		require.Equal(b.t, billing.PlanPaused, d.Plan.Status)
		require.Equal(b.t, calls, b.Gateway.Calls, "nothing more is charged")
		require.Equal(b.t, []billing.NoticeKind{billing.NoticePaymentFailed}, b.newNotices(plan))
	})
}
