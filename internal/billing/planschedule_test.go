package billing_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/schedule"
	"tranche/internal/terms"
)

var (
	now     = time.Date(2026, 1, 31, 22, 15, 0, 0, time.UTC)
	morning = calendar.LocalTime{Hour: 9}
)

var zones = []string{
	"UTC", "Europe/London", "America/New_York", "America/Sao_Paulo", "Asia/Tokyo", "Asia/Kolkata", "Asia/Kathmandu",
	"Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "America/St_Johns", "Africa/Casablanca", "Asia/Tehran",
}

// anySchedule draws random terms of installments, and the rules that apply to them.
func anySchedule(t *rapid.T) (terms.Terms, billing.Rules, time.Time) {
	day := calendar.Date{Year: 2026, Month: time.January, Day: 1}.AddDays(rapid.IntRange(0, 800).Draw(t, "begins"))
	rule := rapid.SampledFrom([]calendar.BusinessDay{"", calendar.BusinessDayFollowing, calendar.BusinessDayPreceding, calendar.BusinessDayModifiedFollowing}).Draw(t, "rule")
	every := []string{"1 week", "2 weeks", "1 month", "3 months", "5 months", "40 days"}
	if rule == "" {
		every = append(every, "1 day", "3 days")
	}
	terms := terms.Terms{
		Reference: "o", Kind: billing.KindInstallments, Currency: "usd", Parts: rapid.IntRange(2, 9).Draw(t, "parts"),
		Every: rapid.SampledFrom(every).Draw(t, "every"), BusinessDay: rule,
		Customer: terms.Customer{Reference: "c", TimeZone: rapid.SampledFrom(zones).Draw(t, "zone")},
	}
	terms.Total = int64(terms.Parts) * 1000
	now := day.At(calendar.LocalTime{Hour: 11, Minute: 20}, terms.Location())
	if rapid.Bool().Draw(t, "starts later") {
		terms.Starts = day.AddDays(rapid.IntRange(8, 40).Draw(t, "later")).String()
	}
	rules := billing.Rules{
		ChargeTime: calendar.LocalTime{Hour: rapid.IntRange(0, 3).Draw(t, "hour"), Minute: 30},
		Holidays:   calendar.Holidays{Dates: map[calendar.Date]bool{day.AddMonths(1): true, day.AddMonths(2).AddDays(1): true, day.AddDays(14): true}},
	}
	return terms, rules, now
}

// planOf returns a plan as planning creates it.
func planOf(t require.TestingT, terms terms.Terms, rules billing.Rules, now time.Time) (billing.Plan, []billing.Charge) {
	draft, err := terms.Draft(now, rules)
	require.NoError(t, err)
	canonical, err := terms.JSON()
	require.NoError(t, err)
	plan := billing.Plan{Kind: terms.Kind, Terms: canonical, Recurrence: draft.Recurrence, Schedule: draft.Schedule, CreatedAt: now}
	var charges []billing.Charge
	for i, d := range draft.Charges {
		charges = append(charges, billing.Charge{
			ID: billing.NewChargeID(now), Sequence: i + 1, Amount: d.Amount, DueAt: d.DueAt, Checkout: d.Checkout, Status: billing.ChargeScheduled,
		})
	}
	return plan, charges
}

func dues(charges []billing.Charge) []time.Time {
	var list []time.Time
	for _, c := range charges {
		list = append(list, c.DueAt)
	}
	return list
}

// TestSchedule_Extended: an extended plan has the dates of a plan that had more parts from the
// beginning, both with the stored schedule and with one derived from the terms.
func TestSchedule_Extended(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms, rules, now := anySchedule(t)
		plan, charges := planOf(t, terms, rules, now)
		more := rapid.IntRange(1, 6).Draw(t, "more")
		if rapid.Bool().Draw(t, "stored without a schedule") {
			plan.Schedule = schedule.Schedule{}
		}
		s := plan.ScheduleFor(charges, rules, terms.Location())
		added, rest := s.Take(more, charges[len(charges)-1].DueAt, terms.Location(), rules.Holidays)
		longer := terms
		longer.Parts += more
		longer.Total = int64(longer.Parts) * 1000
		_, want := planOf(t, longer, rules, now)
		require.Equal(t, dues(want)[terms.Parts:], added)
		require.Equal(t, longer.Parts, rest.Next)
	})
}

// TestPlan_ShiftDates: shifted dates keep the business day rule, the time of day and the order, and
// match a plan that began as many days later.
func TestPlan_ShiftDates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms, rules, now := anySchedule(t)
		loc := terms.Location()
		plan, charges := planOf(t, terms, rules, now)
		days := rapid.IntRange(1, 400).Draw(t, "days")
		exact := rapid.Bool().Draw(t, "exact")
		was := dues(charges)
		moves := func(c billing.Charge) bool { return c.Sequence > 1 }
		moved := plan.ShiftDates(charges, billing.Shift{Days: days, Moves: moves, Exact: exact}, rules, loc)
		require.Len(t, moved, len(charges)-1)
		for i, c := range charges[1:] {
			day := calendar.DateOf(c.DueAt, loc)
			require.True(t, terms.BusinessDay == "" || rules.Holidays.Open(day), "%s is closed", day)
			require.Equal(t, day.At(rules.ChargeTime, loc), c.DueAt, "at the agreed time of day")
			require.True(t, i == 0 || c.DueAt.After(charges[i].DueAt), "in order")
			require.False(t, c.DueAt.Before(was[i+1]), "earlier")
		}
		if exact || terms.Starts != "" {
			return
		}
		later := calendar.DateOf(now, loc).AddDays(days).At(calendar.LocalTime{Hour: 11, Minute: 20}, loc)
		_, want := planOf(t, terms, rules, later)
		require.Equal(t, dues(want)[1:], dues(charges)[1:])
	})
}

// TestSchedule_InZone: after a move to another zone, dates match a plan that was agreed on there.
func TestSchedule_InZone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms, rules, now := anySchedule(t)
		plan, charges := planOf(t, terms, rules, now)
		there := billing.LoadLocation(rapid.SampledFrom(zones).Draw(t, "there"))
		for _, c := range charges[1:] {
			day := calendar.DateOf(c.DueAt, terms.Location())
			require.Equal(t, day.At(rules.ChargeTime, there), plan.Schedule.InZone(c.DueAt, terms.Location(), there, rules.Holidays))
		}
	})
}

// TestSchedule_WithInterval: a new interval counts from the agreed date, not from the date that a
// rule moved it to.
func TestSchedule_WithInterval(t *testing.T) {
	t.Parallel()
	terms := terms.Terms{
		Reference: "o", Kind: billing.KindDeposit, Currency: "usd", Total: 9000, Deposit: 1000, BalanceDue: "2026-05-31", BusinessDay: calendar.BusinessDayFollowing,
		Customer: terms.Customer{Reference: "c"},
	}
	rules := billing.Rules{ChargeTime: calendar.LocalTime{Hour: 9}}
	plan, charges := planOf(t, terms, rules, time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC))
	month := calendar.Interval{Count: 1, Unit: "month"}
	s := plan.Schedule.WithInterval(month, charges[1].DueAt, time.UTC, rules.Holidays)
	first, s := s.Take(1, charges[1].DueAt, time.UTC, rules.Holidays)
	s = s.WithInterval(month, first[0], time.UTC, rules.Holidays)
	second, _ := s.Take(1, first[0], time.UTC, rules.Holidays)
	require.Equal(t, []string{"2026-06-30", "2026-07-31"}, []string{first[0].Format(time.DateOnly), second[0].Format(time.DateOnly)})
	require.Equal(t, "2026-06-01", charges[1].DueAt.Format(time.DateOnly), "31 May is a Sunday")
}

func TestCatchUp_Problem(t *testing.T) {
	t.Parallel()
	for _, kind := range []billing.PlanKind{billing.KindInstallments, billing.KindDeposit, billing.KindDeferred, billing.KindRecurring} {
		for _, choice := range []string{"", "daily", "all", "latest", "none", "hourly"} {
			allowed := choice != "hourly" && (kind == billing.KindRecurring || slices.Contains([]string{"", "daily", "all"}, choice))
			require.Equal(t, allowed, billing.CatchUpOf(choice).Problem(kind) == "", "%s of %s", choice, kind)
		}
	}
}
