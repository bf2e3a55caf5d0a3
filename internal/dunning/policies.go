package dunning

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"tranche/internal/calendar"
)

// Policies holds the policies that plans may name.
type Policies struct{ byName map[string]Policy }

// DefaultPolicies returns the default policy alone.
func DefaultPolicies(chargeTime calendar.LocalTime) Policies {
	return Policies{map[string]Policy{DefaultName: DefaultPolicy(chargeTime)}}
}

// Get returns a policy; the empty name is the default policy.
func (p Policies) Get(name string) (Policy, bool) {
	if name == "" {
		name = DefaultName
	}
	policy, ok := p.byName[name]
	return policy, ok
}

// Names returns the names, sorted.
func (p Policies) Names() []string { return slices.Sorted(maps.Keys(p.byName)) }

// WithoutJitter returns the same policies without any spread, for charges without an id. The spread
// follows from the id.
func (p Policies) WithoutJitter() Policies {
	out := Policies{map[string]Policy{}}
	for name, policy := range p.byName {
		policy.Jitter = 0
		out.byName[name] = policy
	}
	return out
}

// Fault is one error in a policy file.
type Fault struct{ Where, Problem string }

// PolicyError lists every fault of an unusable policy file.
type PolicyError struct {
	File   string
	Faults []Fault
}

// Error lists the faults, one per line.
func (e *PolicyError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.Where + " " + f.Problem
	}
	return fmt.Sprintf("dunning policies in %s: %s", e.File, strings.Join(lines, "\n  "))
}

func (e *PolicyError) add(where, format string, args ...any) {
	e.Faults = append(e.Faults, Fault{where, fmt.Sprintf(format, args...)})
}

var policyName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// NewPolicies checks policies, which must include the default policy. faults holds the faults found
// so far, and file is the name for errors. Errors: *PolicyError with every fault.
func NewPolicies(file string, list []Policy, faults []Fault) (Policies, error) {
	wrong := &PolicyError{File: file, Faults: faults}
	out := Policies{map[string]Policy{}}
	for _, p := range list {
		if !policyName.MatchString(p.Name) {
			wrong.add("policy."+p.Name, "is not a policy name: use up to 40 of a-z, 0-9, - and _, a letter first")
		}
		p.check(wrong)
		out.byName[p.Name] = p
	}
	if len(wrong.Faults) > 0 {
		return Policies{}, wrong
	}
	return out, nil
}

// Clone returns a copy that shares no list with p.
func (p Policy) Clone() Policy {
	for _, l := range []*Ladder{&p.Funds, &p.Limit, &p.Temporary, &p.Declined, &p.Operator} {
		l.Days, l.Times, l.Paydays = slices.Clone(l.Days), slices.Clone(l.Times), slices.Clone(l.Paydays)
	}
	return p
}

// Bounds of a policy's settings.
const (
	maxDeadlineDays = 365
	maxJitter       = 12 * 60
	maxPaydayWindow = 14
)

// check adds every fault of a policy.
func (p Policy) check(faults *PolicyError) {
	where := "policy." + p.Name
	if _, err := calendar.ParseLocalTime(p.Time); err != nil {
		faults.add(where+".time", "is wrong: %s", err)
	}
	if _, _, ok := quietHours(p.QuietHours); p.QuietHours != "" && !ok {
		faults.add(where+".quiet_hours", "is %q, not a span like 21:00-07:00", p.QuietHours)
	}
	p.between(faults, "jitter_minutes", p.Jitter, 0, maxJitter)
	p.between(faults, "max_attempts", p.MaxAttempts, 1, StripesMaxRetries)
	p.between(faults, "deadline_days", p.DeadlineDays, 1, maxDeadlineDays)
	p.between(faults, "remind_days", p.RemindDays, 0, max(p.DeadlineDays-1, 0))
	p.between(faults, "final_notice_days", p.FinalNoticeDays, 1, max(p.DeadlineDays-1, 1))
	if p.RemindDays != 0 && p.RemindDays <= p.FinalNoticeDays {
		faults.add(where+".remind_days", "is %d: the reminder comes before the final notice, which goes out %d days ahead", p.RemindDays, p.FinalNoticeDays)
	}
	if !slices.Contains(Ends(), p.AtEnd) {
		faults.add(where+".at_end", "is %q; use one of %q", p.AtEnd, Ends())
	}
	for _, c := range Classes() {
		if c.Timed() {
			p.checkLadder(faults, where+"."+string(c), c)
		}
	}
}

func (p Policy) between(faults *PolicyError, field string, value, least, most int) {
	if value < least || value > most {
		faults.add("policy."+p.Name+"."+field, "is %d; use %d to %d", value, least, most)
	}
}

func (p Policy) checkLadder(faults *PolicyError, where string, c Class) {
	l := p.ladder(c)
	total := 0
	for _, d := range l.Days {
		total += d
		if d < 1 {
			faults.add(where+".days", "has %d in it; at least 1 day lies between two attempts", d)
		}
	}
	if c != ClassOperator && total >= p.DeadlineDays {
		faults.add(where+".days", "add up to %d, beyond the deadline of %d days", total, p.DeadlineDays)
	}
	if len(l.Days) >= StripesMaxRetries {
		faults.add(where+".days", "has %d retries; with the first attempt Stripe advises %d attempts at most", len(l.Days), StripesMaxRetries)
	}
	l.checkTimes(faults, where)
	l.checkPaydays(faults, where)
}

func (l Ladder) checkTimes(faults *PolicyError, where string) {
	if n := len(l.Times); n > 1 && n != len(l.Days) {
		faults.add(where+".times", "has %d times for %d retries; give one for each, or one for all", n, len(l.Days))
	}
	for _, t := range l.Times {
		if _, err := calendar.ParseLocalTime(t); err != nil {
			faults.add(where+".times", "has a fault: %s", err)
		}
	}
}

func (l Ladder) checkPaydays(faults *PolicyError, where string) {
	for _, d := range l.Paydays {
		if !slices.Contains(Paydays(), d) {
			faults.add(where+".paydays", "has %q in it; use %q", d, Paydays())
		}
	}
	if l.PaydayWindow < 0 || l.PaydayWindow > maxPaydayWindow {
		faults.add(where+".payday_window", "is %d; use 0 to %d", l.PaydayWindow, maxPaydayWindow)
	}
}
