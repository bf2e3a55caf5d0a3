package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// result is the result of a run.
type result struct {
	settings    settings
	days        float64 // simulated
	took        time.Duration
	settled     time.Duration // from the last fault until all work was done
	plans       int
	charges     int            // attempted at least once
	statuses    map[string]int // of those
	attempts    int
	letters     int
	redelivered int
	faults      map[string]int
	recovered   map[string][]time.Duration
	skipped     int
	backfill    bool
	missed      int // webhooks that never arrived
	stops       map[string]int
	damage      damage
	logs        string // directory; empty if removed
}

// faultTotal returns the number of faults.
func (r result) faultTotal() int {
	n := 0
	for _, count := range r.faults {
		n += count
	}
	return n
}

// print writes the report. Its last line is for programs.
func (r result) print(out io.Writer) {
	fmt.Fprintf(out, "\nseed %d: %.0f days of plans in %s; settled %s after the last fault\n", r.settings.Seed, r.days,
		r.took.Round(time.Second), r.settled.Round(time.Second))
	fmt.Fprintf(out, "plans %d, charges run %d in %d attempts, mails %d (and %d sent again, under the same Message-ID)\n",
		r.plans, r.charges, r.attempts, r.letters, r.redelivered)
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(r.statuses)) {
		parts = append(parts, fmt.Sprintf("%s %d", status, r.statuses[status]))
	}
	fmt.Fprintf(out, "charges: %s\n", strings.Join(parts, ", "))
	fmt.Fprintf(out, "plans paused %d, canceled %d, refunded %d, disputed %d\n\n",
		r.stops[stopPause], r.stops[stopCancel], r.stops[stopRefund], r.stops[stopDispute])
	r.printFaults(out)
	if r.skipped > 0 {
		fmt.Fprintf(out, "\n%d faults were left out: their target already had one\n", r.skipped)
	}
	if r.backfill {
		fmt.Fprintf(out, "\n%d webhooks never arrived; `tranche event backfill` fetched the events\n", r.missed)
	} else {
		fmt.Fprintf(out, "\nno webhooks were dropped, because this binary has no `tranche event backfill`; %d never arrived\n", r.missed)
	}
	if len(r.damage) > 0 {
		fmt.Fprintln(out)
	}
	for _, p := range r.damage {
		fmt.Fprintf(out, "%s: %s\n", p.Kind, p.Text)
	}
	if r.logs != "" {
		fmt.Fprintf(out, "\nlogs: %s\n", r.logs)
	}
	fmt.Fprintf(out, "\n%s\n", r.lastLine())
}

// lastLine returns the verdict.
func (r result) lastLine() string {
	d := r.damage
	return fmt.Sprintf("charges=%d faults=%d double=%d lost=%d wrong=%d duplicate_notices=%d unexplained=%d", r.charges, r.faultTotal(),
		d.count(kindDouble), d.count(kindLost), d.count(kindWrong), d.count(kindDuplicate), d.count(kindUnexplained))
}

// printFaults writes the table of faults, with the seconds from each fault's end until every
// process was ready and another payment was recorded.
func (r result) printFaults(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "fault\tmade\trecovered after, median\tat most\t")
	for _, kind := range slices.Sorted(maps.Keys(r.faults)) {
		median, most := "-", "-"
		if took := slices.Sorted(slices.Values(r.recovered[kind])); len(took) > 0 {
			median, most = seconds(took[len(took)/2]), seconds(took[len(took)-1])
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t\n", kind, r.faults[kind], median, most)
	}
	_ = table.Flush() // to the terminal
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
