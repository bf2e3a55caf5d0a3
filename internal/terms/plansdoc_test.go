package terms_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/schedule"
	"tranche/internal/terms"
)

var update = flag.Bool("update", false, "rewrite the results of the examples in docs/plans.md")

var plansExample = regexp.MustCompile("(?s)```json\n(.*?)\n```\n```text\n(.*?)```\n")

// TestPlansDocument calculates the examples in docs/plans.md.
func TestPlansDocument(t *testing.T) {
	t.Parallel()
	const file = "../../docs/plans.md"
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	kinds := map[billing.PlanKind]bool{}
	written := plansExample.ReplaceAllStringFunc(string(text), func(example string) string {
		body := plansExample.FindStringSubmatch(example)[1]
		tm := requested(t, `{"reference": "o", `+ada+`, `+strings.TrimPrefix(body, "{"))
		kinds[tm.Kind] = true
		return "```json\n" + body + "\n```\n```text\n" + comesTo(t, tm) + "```\n"
	})
	require.Len(t, kinds, 4, "every kind has an example")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(written), 0o644))
	}
	require.Equal(t, string(text), written, "go test ./internal/terms -update rewrites it")
}

// comesTo formats a draft, or the faults of the terms, for people.
func comesTo(t *testing.T, tm terms.Terms) string {
	t.Helper()
	draft, err := tm.Draft(now, rules)
	var b strings.Builder
	if invalid, ok := errors.AsType[*billing.InvalidError](err); ok {
		fmt.Fprintf(&b, "%s: %s\n", invalid.Fields[0].Field, invalid.Fields[0].Message)
		return b.String()
	}
	require.NoError(t, err)
	for _, c := range draft.Charges {
		when := "on request      "
		if !c.DueAt.IsZero() {
			when = c.DueAt.In(tm.Location()).Format("2006-01-02 15:04")
		}
		how := map[bool]string{true: "  in the checkout"}[c.Checkout]
		fmt.Fprintf(&b, "%s  %s%s\n", when, money.FormatAmount(c.Amount, tm.Currency), how)
	}
	r := draft.Recurrence
	next := r.Upcoming(4, tm.Location(), rules.Holidays)
	for _, c := range next {
		fmt.Fprintf(&b, "%s  %s\n", c.DueAt.In(tm.Location()).Format("2006-01-02 15:04"), money.FormatAmount(c.Amount, tm.Currency))
	}
	if len(next) > 0 && !ends(r, len(next)) {
		fmt.Fprintf(&b, "and so on, every %s\n", r.Every)
	}
	return b.String()
}

// ends reports whether no charge follows the next n.
func ends(r schedule.Recurrence, n int) bool {
	return len(r.Upcoming(n+1, time.UTC, rules.Holidays)) == n
}
