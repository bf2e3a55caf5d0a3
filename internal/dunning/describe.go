package dunning

import (
	"fmt"
	"strings"
)

// Describe returns a summary of a policy, line by line.
func (p Policy) Describe() []string {
	lines := []string{
		fmt.Sprintf("%s: at %s where the customer is%s, spread over %d minutes, at most %d attempts", p.Name, p.Time, p.quietText(), p.Jitter, p.MaxAttempts),
	}
	for _, c := range Classes() {
		if c.Timed() {
			lines = append(lines, fmt.Sprintf("  %-12s %s", c, p.ladder(c).describe()))
		}
	}
	for _, c := range Classes() {
		if !c.Timed() {
			lines = append(lines, fmt.Sprintf("  %-12s no timed retry: %s", c, c.waitsFor()))
		}
	}
	remind := "no reminder"
	if p.RemindDays > 0 {
		remind = fmt.Sprintf("reminder %d days before", p.RemindDays)
	}
	later := map[End]string{EndPause: "its later charges wait", EndCancel: "its later charges are canceled", EndKeep: "only the charge; the plan continues"}[p.AtEnd]
	lines = append(lines,
		fmt.Sprintf("  given up %d days after the first failure (%s): %s, final notice %d days before", p.DeadlineDays, later, remind, p.FinalNoticeDays),
		fmt.Sprintf("  a new card is tried at once: %s; backup cards are tried where the customer agreed: %s", yesNo(p.RetryNewCard), yesNo(p.BackupCards)))
	return lines
}

func (p Policy) quietText() string {
	if p.QuietHours == "" {
		return ""
	}
	return ", never " + p.QuietHours
}

func (l Ladder) describe() string {
	if len(l.Days) == 0 {
		return "not retried"
	}
	days := strings.Trim(strings.ReplaceAll(fmt.Sprint(l.Days), " ", ", "), "[]")
	text := fmt.Sprintf("retries: %d, %s days after one another", len(l.Days), days)
	if len(l.Times) > 0 {
		text += ", at " + strings.Join(l.Times, ", ")
	}
	if len(l.Paydays) > 0 {
		names := make([]string, len(l.Paydays))
		for i, d := range l.Paydays {
			names[i] = d.text()
		}
		text += fmt.Sprintf(", on the next payday within %d days (%s)", l.PaydayWindow, strings.Join(names, ", "))
	}
	if l.AvoidWeekends {
		text += ", not on weekends"
	}
	return text
}

// text describes the day for people.
func (p Payday) text() string {
	return map[Payday]string{
		PaydayFirst: "the 1st", PaydayFifteenth: "the 15th", PaydayLastWeekday: "the month's last weekday", PaydayFriday: "Fridays",
	}[p]
}

func (c Class) waitsFor() string {
	switch c {
	case ClassAuthenticate:
		return "the customer is asked to authenticate"
	case ClassWithdrawn:
		return "the plan is paused"
	}
	return "the customer is asked for another card"
}
