package dunning

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"tranche/internal/calendar"
)

// DefaultName is the policy of plans that name none.
const DefaultName = "default"

// End is what happens to the later charges of a plan whose deadline passed.
type End string

const (
	// EndPause gives the plan up: it is defaulted, and its later charges wait until the plan is
	// resumed.
	EndPause End = "pause"
	// EndCancel gives the plan up and cancels its later charges. The debt remains.
	EndCancel End = "cancel"
	// EndKeep gives up one charge: the plan stays past due, and its later charges are collected.
	EndKeep End = "keep"
)

// Ends returns every End.
func Ends() []End { return []End{EndPause, EndCancel, EndKeep} }

// Payday is a kind of salary day.
type Payday string

const (
	// PaydayFirst is the first of the month.
	PaydayFirst Payday = "1"
	// PaydayFifteenth is the fifteenth.
	PaydayFifteenth Payday = "15"
	// PaydayLastWeekday is the last day of the month from Monday to Friday.
	PaydayLastWeekday Payday = "last_weekday"
	// PaydayFriday is every Friday.
	PaydayFriday Payday = "friday"
)

// Paydays returns every kind of payday.
func Paydays() []Payday {
	return []Payday{PaydayFirst, PaydayFifteenth, PaydayLastWeekday, PaydayFriday}
}

// Ladder is the retry schedule of a class of declines.
type Ladder struct {
	// Days holds the least days from one attempt to the next; their number is the number of retries.
	Days []int `json:"days" toml:"days"`
	// Times holds the local times of day of the retries: one for each, one for all, or none to use the
	// policy's.
	Times []string `json:"times,omitempty" toml:"times"`
	// AvoidWeekends moves a retry from Saturday or Sunday to Monday.
	AvoidWeekends bool `json:"avoid_weekends,omitempty" toml:"avoid_weekends"`
	// Paydays moves a retry to the first such day within PaydayWindow days, if there is one.
	Paydays      []Payday `json:"paydays,omitempty" toml:"paydays"`
	PaydayWindow int      `json:"payday_window,omitempty" toml:"payday_window"`
}

// Policy defines what follows declines, and when. Its JSON is canonical: each dunning keeps a copy
// of it.
type Policy struct {
	Name string `json:"name" toml:"-"`
	// Time is the customer's local time of day of retries, reminders and the final notice.
	Time string `json:"time" toml:"time"`
	// QuietHours is a span of the customer's day without attempts, such as 21:00-07:00. Empty means
	// none.
	QuietHours string `json:"quiet_hours,omitempty" toml:"quiet_hours"`
	// Jitter spreads retries over this many minutes after their time, by charge.
	Jitter int `json:"jitter_minutes,omitempty" toml:"jitter_minutes"`
	// MaxAttempts limits the merchant's declined attempts at one charge. Stripe advises 8.
	MaxAttempts int `json:"max_attempts" toml:"max_attempts"`

	// DeadlineDays is the number of days from the first failure to the customer's last day to pay.
	DeadlineDays int `json:"deadline_days" toml:"deadline_days"`
	// RemindDays is how many days before the deadline a customer who must act is reminded; 0 means
	// never.
	RemindDays int `json:"remind_days,omitempty" toml:"remind_days"`
	// FinalNoticeDays is the number of days from the final notice to the customer's last day to pay.
	FinalNoticeDays int `json:"final_notice_days" toml:"final_notice_days"`
	// AtEnd is what happens to the later charges when the deadline passes.
	AtEnd End `json:"at_end" toml:"at_end"`

	// RetryNewCard collects what is owed at once when the customer adds a card.
	RetryNewCard bool `json:"retry_new_card,omitempty" toml:"retry_new_card"`
	// BackupCards tries the customer's other cards, if the plan's terms allow it.
	BackupCards bool `json:"backup_cards,omitempty" toml:"backup_cards"`

	Funds     Ladder `json:"funds" toml:"funds"`
	Limit     Ladder `json:"limit" toml:"limit"`
	Temporary Ladder `json:"temporary" toml:"temporary"`
	Declined  Ladder `json:"declined" toml:"declined"`
	Operator  Ladder `json:"operator" toml:"operator"`
}

// StripesMaxRetries is the highest number of attempts that Stripe advises. It is below the number
// of confirmations after which Stripe cancels a PaymentIntent (not published; about 10 were
// observed). Source: docs.stripe.com/billing/revenue-recovery.
const StripesMaxRetries = 8

// DefaultPolicy returns the built-in policy; docs/recovery-report.md measures it. chargeTime is the
// local time of day at which charges fall due.
func DefaultPolicy(chargeTime calendar.LocalTime) Policy {
	return Policy{
		Name: DefaultName, Time: clockText(chargeTime), QuietHours: "21:00-07:00", Jitter: 45, MaxAttempts: StripesMaxRetries,
		DeadlineDays: 30, RemindDays: 7, FinalNoticeDays: 3, AtEnd: EndPause, RetryNewCard: true,
		Funds: Ladder{ // on each of the next paydays, once salaries have arrived
			Days: []int{1, 1, 1, 1, 1, 1}, Times: []string{"15:00"}, Paydays: Paydays(), PaydayWindow: 7,
		},
		Limit:     Ladder{Days: []int{1, 3, 5, 7}},
		Temporary: Ladder{Days: []int{1, 1, 2, 4}},
		Declined:  Ladder{Days: []int{2, 4, 7, 8}, AvoidWeekends: true},
		Operator:  Ladder{Days: []int{1, 1, 1}},
	}
}

// ladder returns the retry schedule of a timed class.
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

// Canonical returns the policy as JSON, and the hash that identifies it.
func (p Policy) Canonical() (content []byte, hash string, err error) {
	content, err = json.Marshal(p)
	if err != nil {
		return nil, "", fmt.Errorf("encode policy %s: %w", p.Name, err)
	}
	sum := sha256.Sum256(content)
	return content, hex.EncodeToString(sum[:16]), nil
}

// ReadPolicy parses the output of Canonical.
func ReadPolicy(content []byte) (Policy, error) {
	var p Policy
	if err := json.Unmarshal(content, &p); err != nil {
		return p, fmt.Errorf("read a stored dunning policy: %w", err)
	}
	return p, nil
}

// localTime returns the policy's time of day, which was validated when the policy was read.
func (p Policy) localTime() calendar.LocalTime {
	t, err := calendar.ParseLocalTime(p.Time)
	if err != nil {
		return calendar.LocalTime{Hour: 9}
	}
	return t
}

// time returns the time of day of the n-th retry, counted from 0.
func (l Ladder) time(n int, usual calendar.LocalTime) calendar.LocalTime {
	if len(l.Times) == 0 {
		return usual
	}
	t, err := calendar.ParseLocalTime(l.Times[min(n, len(l.Times)-1)])
	if err != nil {
		return usual
	}
	return t
}

func clockText(t calendar.LocalTime) string { return fmt.Sprintf("%02d:%02d", t.Hour, t.Minute) }
