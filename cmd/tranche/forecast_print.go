package main

import (
	"fmt"
	"strconv"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/view"
)

// printForecast prints a forecast for people. It shows each step of the first branch, and one line
// for each other branch, unless all branches are requested.
func (c *cli) printForecast(f view.Forecast, everyBranch bool) {
	fmt.Fprintf(c.out, "%s  %s  %s\n", f.Reference, f.Kind, money.FormatAmount(f.Total, f.Currency))
	if f.Proposed {
		fmt.Fprintf(c.out, "Proposed, not created: the plan would begin %s and end %s%s.\n", spokenStatus(f.Status), spokenStatus(f.EndStatus), looked(f))
	} else {
		fmt.Fprintf(c.out, "%s is %s and would end %s%s.\n", f.Plan, spokenStatus(f.Status), spokenStatus(f.EndStatus), looked(f))
	}
	fmt.Fprintf(c.out, "\nForecast from %s. Assumptions:\n", localTime(f.At, f.TimeZone))
	for _, a := range f.Assumed {
		fmt.Fprintf(c.out, "- %s\n", a)
	}
	if len(f.Timeline) == 0 {
		fmt.Fprintln(c.out, "\nNothing happens by itself.")
	} else {
		fmt.Fprintln(c.out)
		c.printTimeline(f, f.Timeline)
	}
	c.printWaiting(f)
	c.printBranches(f, everyBranch)
}

func spokenStatus(s billing.PlanStatus) string { return strings.ReplaceAll(string(s), "_", " ") }

// looked describes the end of the forecast if it is before the plan's end.
func looked(f view.Forecast) string {
	if f.Horizon.IsZero() {
		return ""
	}
	return ", as of " + localTime(f.Horizon, f.TimeZone)
}

// printTimeline prints steps as a table. Steps at the same time share one time column.
func (c *cli) printTimeline(f view.Forecast, steps []view.ForecastStep) {
	tab, last := newTable("WHEN", "#", "AMOUNT", "WHAT"), ""
	for _, s := range steps {
		when := localTime(s.At, f.TimeZone)
		if s.WithinMinutes > 0 {
			when += fmt.Sprintf(" (+%d min)", s.WithinMinutes)
		}
		shown := when
		if when == last {
			shown = ""
		}
		last = when
		number, amount := "", ""
		if s.Sequence > 0 {
			number, amount = strconv.Itoa(s.Sequence), money.FormatAmount(s.Amount, f.Currency)
		}
		tab.add(shown, number, amount, stepText(f, s))
	}
	tab.print(c.out)
}

// stepText describes a step, without the charge, which has a column of its own.
func stepText(f view.Forecast, s view.ForecastStep) string {
	text := s.Text
	switch s.What {
	case view.ForecastNotice:
		if s.Subject == "" {
			return text
		}
		return fmt.Sprintf("mail: %s", s.Subject)
	case view.ForecastAttempt, view.ForecastPayment:
		text = strings.TrimPrefix(text, fmt.Sprintf("charge %d of %s", s.Sequence, money.FormatAmount(s.Amount, f.Currency)))
		text = strings.TrimPrefix(strings.TrimPrefix(text, ": "), " is ")
	case view.ForecastPlan:
		text = strings.TrimPrefix(text, "plan "+f.Reference+" ")
		text = strings.TrimPrefix(text, "is ")
		return "plan: " + text
	}
	return text
}

// printWaiting lists the charges that wait for the customer or the merchant.
func (c *cli) printWaiting(f view.Forecast) {
	for _, ch := range f.Charges {
		if ch.Waits != "" {
			fmt.Fprintf(c.out, "\nCharge %d of %s: %s.\n", ch.Sequence, money.FormatAmount(ch.Amount, f.Currency), ch.Waits)
		}
	}
}

func (c *cli) printBranches(f view.Forecast, every bool) {
	tab, detailed := newTable("IF DECLINED", "AMOUNT", "TRIED AGAIN", "MAILS", "LAST STEP", "CHARGE", "PLAN", "LATER CHARGES"), false
	for _, ch := range f.Charges {
		b := ch.IfDeclined
		if b == nil {
			continue
		}
		if every || !detailed {
			fmt.Fprintf(c.out, "\nIf charge %d is declined with %s%s:\n\n", ch.Sequence, b.Code, howOften(b.Times))
			c.printTimeline(f, b.Steps)
			fmt.Fprintf(c.out, "\nThe charge is left %s, the plan %s. Later charges: %s.\n",
				strings.ReplaceAll(string(b.Charge), "_", " "), spokenStatus(b.Plan), b.Later)
			detailed = true
		}
		tab.add(strconv.Itoa(ch.Sequence), money.FormatAmount(ch.Amount, f.Currency), strconv.Itoa(count(b.Steps, view.ForecastAttempt)-1),
			strconv.Itoa(count(b.Steps, view.ForecastNotice)), localTime(b.Steps[len(b.Steps)-1].At, f.TimeZone),
			strings.ReplaceAll(string(b.Charge), "_", " "), spokenStatus(b.Plan), b.Later)
	}
	if len(tab.rows) > 2 {
		fmt.Fprintln(c.out)
		tab.print(c.out)
	}
	if n := len(f.BranchesLeftOut); n > 0 {
		fmt.Fprintf(c.out, "\nDeclines of charges %d to %d are left out, because they would take too long.\n", f.BranchesLeftOut[0], f.BranchesLeftOut[n-1])
	}
}

func howOften(times int) string {
	switch times {
	case 0:
		return " every time"
	case 1:
		return " once"
	}
	return fmt.Sprintf(" %d times", times)
}

func count(steps []view.ForecastStep, what view.ForecastWhat) int {
	n := 0
	for _, s := range steps {
		if s.What == what {
			n++
		}
	}
	return n
}
