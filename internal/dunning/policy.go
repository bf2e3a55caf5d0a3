package dunning

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// DefaultName is the policy of plans that name none.
const DefaultName = "default"

// End is what becomes of the later charges of a plan whose deadline passed.
type End string

const (
	// EndPause gives the plan up: it is defaulted, and its later charges wait until somebody resumes it.
	EndPause End = "pause"
	// EndCancel gives the plan up and cancels its later charges. What is owed stays owed.
	EndCancel End = "cancel"
	// EndKeep gives up the one charge: the plan stays past due, and its later charges are made.
	EndKeep End = "keep"
)

// Ends lists every end.
func Ends() []End { return []End{EndPause, EndCancel, EndKeep} }

// Payday is a kind of day on which people have money.
type Payday string

const (
	// PaydayFirst is the first of the month.
	PaydayFirst Payday = "1"
	// PaydayFifteenth is the fifteenth.
	PaydayFifteenth Payday = "15"
	// PaydayLastWeekday is the last day of the month that is no Saturday or Sunday.
	PaydayLastWeekday Payday = "last_weekday"
	// PaydayFriday is every Friday.
	PaydayFriday Payday = "friday"
)

// Paydays lists every kind of payday.
func Paydays() []Payday {
	return []Payday{PaydayFirst, PaydayFifteenth, PaydayLastWeekday, PaydayFriday}
}

// Ladder is when a class of declines is tried again.
type Ladder struct {
	// Days are the least days from one attempt to the next; their number is the number of retries.
	Days []int `json:"days" toml:"days"`
	// Times are the local times of day of the retries: one for each, or one for all, or none for the policy's.
	Times []string `json:"times,omitempty" toml:"times"`
	// AvoidWeekends moves a retry that falls on Saturday or Sunday to Monday.
	AvoidWeekends bool `json:"avoid_weekends,omitempty" toml:"avoid_weekends"`
	// Paydays moves a retry to the first such day within PaydayWindow days; where there is none it stays.
	Paydays      []Payday `json:"paydays,omitempty" toml:"paydays"`
	PaydayWindow int      `json:"payday_window,omitempty" toml:"payday_window"`
}

// Policy is what follows declines, and when. Its JSON is canonical: it is kept with the charges that began with it.
type Policy struct {
	Name string `json:"name" toml:"-"`
	// Time is the customer's local time of day of retries, reminders and the deadline.
	Time string `json:"time" toml:"time"`
	// QuietHours is a span of the customer's day, such as 21:00-07:00, in which nothing is tried; empty is none.
	QuietHours string `json:"quiet_hours,omitempty" toml:"quiet_hours"`
	// Jitter is within how many minutes after their time retries are spread, by charge.
	Jitter int `json:"jitter_minutes,omitempty" toml:"jitter_minutes"`
	// MaxAttempts bounds the merchant's attempts at one charge that were declined. Stripe advises 8.
	MaxAttempts int `json:"max_attempts" toml:"max_attempts"`

	// DeadlineDays are the days from the first failure until the plan is given up.
	DeadlineDays int `json:"deadline_days" toml:"deadline_days"`
	// RemindDays is how long before the deadline a customer who is waited for is reminded; 0 is never.
	RemindDays int `json:"remind_days,omitempty" toml:"remind_days"`
	// FinalNoticeDays is how long before the last step the final notice goes out: the deadline, or the last retry.
	FinalNoticeDays int `json:"final_notice_days" toml:"final_notice_days"`
	// AtEnd is what becomes of the later charges when the deadline passes.
	AtEnd End `json:"at_end" toml:"at_end"`

	// RetryNewCard tries what is owed at once when the customer gives a new card.
	RetryNewCard bool `json:"retry_new_card,omitempty" toml:"retry_new_card"`
	// BackupCards tries the customer's other cards where the plan's terms allow it.
	BackupCards bool `json:"backup_cards,omitempty" toml:"backup_cards"`

	Funds     Ladder `json:"funds" toml:"funds"`
	Limit     Ladder `json:"limit" toml:"limit"`
	Temporary Ladder `json:"temporary" toml:"temporary"`
	Declined  Ladder `json:"declined" toml:"declined"`
	Operator  Ladder `json:"operator" toml:"operator"`
}

// StripesMaxRetries is how many attempts Stripe advises at most, and below the number of confirmations after which it
// cancels a PaymentIntent (not published; about 10 were seen). Source: docs.stripe.com/billing/revenue-recovery.
const StripesMaxRetries = 8

// DefaultPolicy is the policy where nothing else is said; docs/recovery-report.md shows what it is good for. chargeTime is
// the local time of day at which charges fall due.
func DefaultPolicy(chargeTime billing.LocalTime) Policy {
	return Policy{
		Name: DefaultName, Time: clockText(chargeTime), QuietHours: "21:00-07:00", Jitter: 45, MaxAttempts: StripesMaxRetries,
		DeadlineDays: 30, RemindDays: 7, FinalNoticeDays: 3, AtEnd: EndPause, RetryNewCard: true,
		Funds: Ladder{ // on each of the next paydays, once the money of the day is there
			Days: []int{1, 1, 1, 1, 1, 1}, Times: []string{"15:00"}, Paydays: Paydays(), PaydayWindow: 7,
		},
		Limit:     Ladder{Days: []int{1, 3, 5, 7}},
		Temporary: Ladder{Days: []int{1, 1, 2, 4}},
		Declined:  Ladder{Days: []int{2, 4, 7, 8}, AvoidWeekends: true},
		Operator:  Ladder{Days: []int{1, 1, 1}},
	}
}

// ladder is the one for a timed class.
func (p Policy) ladder(c Class) Ladder {
	switch c {
	case ClassFunds:
		return p.Funds
	case ClassLimit:
		return p.Limit
	case ClassTemporary:
		return p.Temporary
	case ClassOperator:
		return p.Operator
	default:
		return p.Declined
	}
}

// Canonical is the policy as JSON, and the hash by which it is kept.
func (p Policy) Canonical() (content []byte, hash string, err error) {
	content, err = json.Marshal(p)
	if err != nil {
		return nil, "", fmt.Errorf("encode policy %s: %w", p.Name, err)
	}
	sum := sha256.Sum256(content)
	return content, hex.EncodeToString(sum[:16]), nil
}

// ReadPolicy reads what Canonical wrote.
func ReadPolicy(content []byte) (Policy, error) {
	var p Policy
	if err := json.Unmarshal(content, &p); err != nil {
		return p, fmt.Errorf("read a kept dunning policy: %w", err)
	}
	return p, nil
}

// localTime is the policy's time of day; it was checked when the policy was read.
func (p Policy) localTime() billing.LocalTime {
	t, err := billing.ParseLocalTime(p.Time)
	if err != nil {
		return billing.LocalTime{Hour: 9}
	}
	return t
}

// time is the time of day of the n-th retry, counted from 0.
func (l Ladder) time(n int, usual billing.LocalTime) billing.LocalTime {
	if len(l.Times) == 0 {
		return usual
	}
	t, err := billing.ParseLocalTime(l.Times[min(n, len(l.Times)-1)])
	if err != nil {
		return usual
	}
	return t
}

func clockText(t billing.LocalTime) string { return fmt.Sprintf("%02d:%02d", t.Hour, t.Minute) }

// Milestones are the times of a dunning that began at begin, for the customer in loc: reminder, final notice, deadline.
func (p Policy) Milestones(charge billing.ChargeID, begin time.Time, loc *time.Location) (remind, final, deadline time.Time) {
	end := billing.DateOf(begin, loc).AddDays(p.DeadlineDays)
	at := func(before int) time.Time {
		t := end.AddDays(-before).At(p.localTime(), loc).Add(p.jitter(charge, 0))
		return p.afterQuietHours(t, loc, charge)
	}
	if p.RemindDays > 0 {
		remind = at(p.RemindDays)
	}
	return remind, at(p.FinalNoticeDays), at(0)
}
