package dunning

import (
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
)

// Milestones returns the times of a dunning that began at begin, for a customer in loc: the
// reminder (zero if the policy has none), the final notice, and the deadline, which is the end of
// the customer's last day to pay.
func (p Policy) Milestones(charge billing.ChargeID, begin time.Time, loc *time.Location) (remind, final, deadline time.Time) {
	last := calendar.DateOf(begin, loc).AddDays(p.DeadlineDays)
	at := func(before int) time.Time {
		t := last.AddDays(-before).At(p.localTime(), loc).Add(p.jitter(charge, 0))
		return p.afterQuietHours(t, loc, charge)
	}
	if p.RemindDays > 0 {
		remind = at(p.RemindDays)
	}
	return remind, at(p.FinalNoticeDays), last.End(loc)
}

// EndOfDay returns the end of the customer's day that contains at. Deadlines are ends of days,
// because mails name the day. A deadline at another time of day, from an earlier release or another
// time zone, moves to the end of its day.
func EndOfDay(at time.Time, loc *time.Location) time.Time {
	return calendar.DateOf(at, loc).End(loc)
}

// GivesUpAt returns when an unpaid charge is given up: the first time after the deadline outside
// the quiet hours, because the customer gets a mail then.
func (p Policy) GivesUpAt(charge billing.ChargeID, deadline time.Time, loc *time.Location) time.Time {
	return p.Suited(charge, deadline.Add(time.Millisecond), loc)
}

// Postponed moves a dunning by days of the customer's calendar. All future steps keep their time of
// day.
func Postponed(d billing.Dunning, days int, loc *time.Location) billing.Dunning {
	d.RemindAt = shifted(d.RemindAt, days, loc)
	d.FinalAt = shifted(d.FinalAt, days, loc)
	d.DeadlineAt = calendar.DateOf(d.DeadlineAt, loc).AddDays(days).End(loc)
	return d
}

// Held suspends a dunning whose last failure is the merchant's to fix: its times do not pass.
func Held(d billing.Dunning, now time.Time) billing.Dunning {
	if d.HeldAt.IsZero() {
		d.HeldAt = now
	}
	return d
}

// Released resumes a suspended dunning. The customer has as many days left as before.
func Released(d billing.Dunning, now time.Time, loc *time.Location) billing.Dunning {
	if d.HeldAt.IsZero() {
		return d
	}
	days := calendar.DaysBetween(calendar.DateOf(d.HeldAt, loc), calendar.DateOf(now, loc))
	d.HeldAt = time.Time{}
	return Postponed(d, days, loc)
}

// shifted moves a time by days, at the same time of day in loc. The zero time stays.
func shifted(at time.Time, days int, loc *time.Location) time.Time {
	if at.IsZero() {
		return at
	}
	local := at.In(loc)
	return calendar.DateOf(at, loc).AddDays(days).At(calendar.LocalTime{Hour: local.Hour(), Minute: local.Minute()}, loc)
}

// LateFinal moves the deadline of a dunning whose final notice is sent late, so that the customer
// has the policy's number of days from the notice.
func (p Policy) LateFinal(d billing.Dunning, now time.Time, loc *time.Location) billing.Dunning {
	today := calendar.DateOf(now, loc)
	if !today.After(calendar.DateOf(d.FinalAt, loc)) {
		return d
	}
	d.DeadlineAt = laterOf(d.DeadlineAt, today.AddDays(p.FinalNoticeDays).End(loc))
	return d
}
