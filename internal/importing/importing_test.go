package importing_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/importing"
	"tranche/internal/money"
	"tranche/internal/store/storetest"
)

var now = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

func options(faults *[]string) importing.Options {
	return importing.Options{
		Now: func() time.Time { return now }, Rules: billing.Rules{ChargeTime: calendar.LocalTime{Hour: 9}}, Policies: []string{"default", "gentle"},
		Fault: func(f importing.Fault) error {
			*faults = append(*faults, fmt.Sprintf("%d %s: %s", f.Line, f.Field, f.Message))
			return nil
		},
	}
}

func lines(t testing.TB, text string) *importing.Reader {
	t.Helper()
	r, err := importing.NewReader(strings.NewReader(text))
	require.NoError(t, err)
	return r
}

// run checks and imports a file, and returns both summaries.
func run(t testing.TB, s billing.Store, o importing.Options, text string) (checked, done importing.Summary) {
	t.Helper()
	im := importing.New(s, o)
	checked, err := im.Check(t.Context(), lines(t, text))
	require.NoError(t, err)
	im.Fault = nil
	done, err = im.Import(t.Context(), lines(t, text))
	require.NoError(t, err)
	require.Equal(t, checked.Bad, done.Bad, "the check reports what the import does")
	return checked, done
}

// example is a code block of docs/import.md.
func example(t *testing.T, language string) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/import.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(doc)
	require.NotNil(t, found)
	return string(found[1])
}

func TestTheExamplesAreImported(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		var faults []string
		checked, done := run(t, s, options(&faults), example(t, "csv"))
		require.Empty(t, faults)
		require.Equal(t, checked, done)
		require.Equal(t, importing.Summary{Lines: 3, New: 3, Charges: 6, Totals: map[money.Currency]importing.Totals{
			"usd": {Plans: 1, Paid: 33334, Left: 66666}, "eur": {Plans: 2, Paid: 50000, Left: 201500},
		}}, done)

		order := details(t, s, "order-1")
		require.Equal(t, billing.PlanActive, order.Plan.Status)
		require.EqualValues(t, 100000, order.Plan.Total)
		paid, next := order.Charges[0], order.Charges[1]
		require.Equal(t, billing.ChargeSucceeded, paid.Status)
		require.True(t, paid.PaidOutside)
		require.True(t, paid.NextAttemptAt.IsZero(), "paid charges are not charged")
		require.Equal(t, billing.ChargeScheduled, next.Status)
		require.Equal(t, time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC), next.NextAttemptAt)
		require.Equal(t, next.NextAttemptAt, next.ClaimAfter)
		card, err := s.Card(t.Context(), order.Plan.CardID)
		require.NoError(t, err)
		require.Equal(t, []any{"pm_ada", "cus_ada", "visa", "4242", 7, 2031}, []any{card.PaymentMethod, card.StripeCustomer, card.Brand, card.Last4, card.ExpMonth, card.ExpYear})
		require.Equal(t, "cus_ada", order.Customer.StripeCustomer)

		club := details(t, s, "club-7").Plan
		require.Equal(t, "2026-01-31", club.Recurrence.Anchor.String())
		require.Equal(t, "2026-03-31", club.Recurrence.Upcoming(1, time.UTC, calendar.Holidays{})[0].DueAt.Format(time.DateOnly), "it comes back to the 31st")
		villa := details(t, s, "villa-9")
		require.Equal(t, billing.KindDeposit, villa.Plan.Kind)
		require.True(t, villa.Charges[1].NextAttemptAt.IsZero(), "it is due on request")

		_, done = run(t, s, options(&faults), example(t, "jsonl"))
		require.Empty(t, faults)
		require.Equal(t, []int64{1, 1}, []int64{done.New, done.Present}, "the first is the same plan in other words")
		require.Len(t, details(t, s, "order-2").Charges, 5)
		trail, err := billing.WholeTrail(t.Context(), s, villa.Plan.ID)
		require.NoError(t, err)
		require.Equal(t, "plan.imported", trail[0].Action)
	})
}

func TestImport_ZoneThatIsNoPlace(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		for _, zone := range []string{"right/UTC", "posixrules", "Local", "Factory"} {
			var faults []string
			_, err := importing.New(s, options(&faults)).Check(t.Context(), lines(t, strings.ReplaceAll(example(t, "csv"), "Europe/London", zone)))
			require.NoError(t, err)
			require.Contains(t, strings.Join(faults, "\n"), `"`+zone+`" is not a time zone`)
		}
	})
}

// TestImport_Delimiters imports the same file with commas, semicolons and tabs, and as Excel writes
// it: with a byte order mark, CRLF and cells in quotes.
func TestImport_Delimiters(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		text := example(t, "csv")
		records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		require.NoError(t, err)
		for name, write := range map[string]func(w *csv.Writer){
			"semicolon": func(w *csv.Writer) { w.Comma = ';' },
			"excel":     func(w *csv.Writer) { w.Comma, w.UseCRLF = ';', true },
			"tab":       func(w *csv.Writer) { w.Comma = '\t' },
			"comma":     func(w *csv.Writer) { w.Comma = ',' },
		} {
			var out strings.Builder
			if name == "excel" {
				out.WriteString("\xef\xbb\xbf")
			}
			w := csv.NewWriter(&out)
			write(w)
			for i, record := range records {
				record = slices.Clone(record)
				if i > 0 {
					record[0] += "-" + name
					record[2] = strings.ToUpper(record[2])
				}
				require.NoError(t, w.Write(record))
			}
			w.Flush()
			var faults []string
			_, done := run(t, s, options(&faults), out.String())
			require.Empty(t, faults, name)
			require.Equal(t, []int64{3, 3, 6}, []int64{done.Lines, done.New, done.Charges}, name)
			order := details(t, s, "order-1-"+name)
			require.EqualValues(t, 100000, order.Plan.Total, name)
			require.EqualValues(t, "usd", order.Plan.Currency, name)
			require.Len(t, order.Charges, 3, name)
		}
		var faults []string
		checked, _ := run(t, s, options(&faults), "reference;kind;currency;paid\norder-2;installments;usd;333,34\n")
		require.EqualValues(t, 1, checked.Bad, "a decimal comma is not guessed")
		require.Contains(t, strings.Join(faults, "\n"), `paid: "333,34" can't be read`)
	})
}

// TestImport_CustomerDefaults requires that a new customer without a time zone in the file gets the
// merchant's.
func TestImport_CustomerDefaults(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		var faults []string
		o := options(&faults)
		o.Rules.TimeZone, o.Rules.Locale = "Europe/Berlin", "de-DE"
		run(t, s, o, example(t, "csv"))
		require.Empty(t, faults)
		villa, order := details(t, s, "villa-9"), details(t, s, "order-1")
		require.Equal(t, []string{"Europe/Berlin", "de-DE"}, []string{villa.Customer.TimeZone, villa.Customer.Locale})
		require.Equal(t, []string{"Europe/London", "de-DE"}, []string{order.Customer.TimeZone, order.Customer.Locale})
		_, done := run(t, s, o, strings.ReplaceAll(strings.ReplaceAll(example(t, "csv"), "Europe/London", ""), "order-1,", "order-5,"))
		require.Empty(t, faults)
		require.EqualValues(t, 1, done.New)
	})
}

func details(t *testing.T, s billing.Store, reference string) billing.Details {
	t.Helper()
	p, err := s.PlanByReference(t.Context(), reference)
	require.NoError(t, err)
	d, err := billing.LoadDetails(t.Context(), s, p.ID)
	require.NoError(t, err)
	return d
}

const header = "reference,kind,currency,charges,amount,every,next,left,anchor,policy,customer,email,stripe_customer,card,card_brand,card_last4,card_exp\n"

// TestImport_SameIDsInARestoredDatabase imports one file into two independent databases.
func TestImport_SameIDsInARestoredDatabase(t *testing.T) {
	t.Parallel()
	var ids [2]map[string][]billing.ChargeID
	for i := range ids {
		var faults []string
		s := storetest.SQLite(t)
		run(t, s, options(&faults), example(t, "csv"))
		ids[i] = map[string][]billing.ChargeID{}
		plans, err := s.Plans(t.Context(), billing.PlanFilter{})
		require.NoError(t, err)
		for _, p := range plans {
			for _, c := range details(t, s, p.Reference).Charges {
				ids[i][p.Reference] = append(ids[i][p.Reference], c.ID)
			}
		}
	}
	require.Len(t, ids[0], 3)
	require.Equal(t, ids[0], ids[1])
}

func TestEveryFaultIsNamed(t *testing.T) {
	t.Parallel()
	ends := ",visa,4242,01/2030\n"
	for name, c := range map[string]struct{ line, want string }{
		"past":           {"a,deferred,usd,500 2026-01-31,,,,,,,ada,,cus_a,pm_a" + ends, "charges[0].due: 2026-01-31 has passed"},
		"past interval":  {"a,recurring,usd,,500,1 month,2026-01-31,,,,ada,,cus_a,pm_a" + ends, "next: 2026-01-31 has passed"},
		"no card":        {"a,deferred,usd,500 2026-03-01,,,,,,,ada,,cus_a," + ends, "card: is \"\""},
		"card unknown":   {"a,deferred,usd,500 2026-03-01,,,,,,,ada,,cus_a,pm_a,,,\n", "card: no details of it are given"},
		"no customer":    {"a,deferred,usd,500 2026-03-01,,,,,,,,,cus_a,pm_a" + ends, "customer.reference: is missing"},
		"no cus_":        {"a,deferred,usd,500 2026-03-01,,,,,,,ada,,,pm_a" + ends, "customer.stripe_customer: is \"\""},
		"kind":           {"a,loan,usd,500 2026-03-01,,,,,,,ada,,cus_a,pm_a" + ends, "kind: is \"loan\""},
		"currency":       {"a,deferred,xxx,500 2026-03-01,,,,,,,ada,,cus_a,pm_a" + ends, "currency: \"xxx\""},
		"too little":     {"a,deferred,usd,5 2026-03-01,,,,,,,ada,,cus_a,pm_a" + ends, "charges[0].amount: charge 1 of 1 is"},
		"order":          {"a,installments,usd,500 2026-03-02; 500 2026-03-01,,,,,,,ada,,cus_a,pm_a" + ends, "charges[1]: charge 2 of 2 falls due"},
		"no date":        {"a,installments,usd,500 soon,,,,,,,ada,,cus_a,pm_a" + ends, "charges[0].due: \"soon\""},
		"not a number":   {"a,installments,usd,many,,,,,,,ada,,cus_a,pm_a" + ends, "charges: \"many\" can't be read"},
		"nothing left":   {"a,installments,usd,,,,,,,,ada,,cus_a,pm_a" + ends, "next: is missing"},
		"how many":       {"a,installments,usd,,500,1 month,2026-03-01,,,,ada,,cus_a,pm_a" + ends, "left: is missing"},
		"both":           {"a,installments,usd,500 2026-03-01,500,,,,,,ada,,cus_a,pm_a" + ends, "charges: does not go with"},
		"anchor":         {"a,recurring,usd,,500,1 month,2026-03-02,,2026-01-31,,ada,,cus_a,pm_a" + ends, "anchor: no charge falls on 2026-03-02"},
		"mail":           {"a,deferred,usd,500 2026-03-01,,,,,,,ada,nobody,cus_a,pm_a" + ends, "customer.email"},
		"NUL":            {"a\x00,deferred,usd,500 2026-03-01,,,,,,,ada,,cus_a,pm_a" + ends, "reference: contains control characters"},
		"no UTF-8":       {"a,deferred,usd,500 2026-03-01,,,,,,,caf\xc3,,cus_a,pm_a" + ends, "customer: is not UTF-8 text"},
		"direction":      {"a,deferred,usd,500 2026-03-01,,,,,,,\u202eada,,cus_a,pm_a" + ends, "customer: contains marks"},
		"long mail":      {"a,deferred,usd,500 2026-03-01,,,,,,,ada,a@" + strings.Repeat("d", 10_000) + ".example,cus_a,pm_a" + ends, "customer.email: is longer than 254 bytes"},
		"policy":         {"a,deferred,usd,500 2026-03-01,,,,,,hard,ada,,cus_a,pm_a" + ends, "policy: \"hard\""},
		"cells":          {"a,b\n", "line: has 2 cells, and the header 17"},
		"same reference": {"ok,deferred,usd,500 2026-03-01,,,,,,,bob,,cus_b,pm_b" + ends, "reference: is also used in line 2"},
		"another's card": {"a,deferred,usd,500 2026-03-01,,,,,,,bob,,cus_b,pm_ok" + ends, "card: belongs to another customer"},
		"two at Stripe":  {"a,deferred,usd,500 2026-03-01,,,,,,,ok,,cus_b,pm_b" + ends, "customer.stripe_customer: differs from an earlier line"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storetest.SQLite(t)
			var faults []string
			_, done := run(t, s, options(&faults), header+"ok,deferred,usd,500 2026-03-01,,,,,,,ok,,cus_ok,pm_ok"+ends+c.line)
			require.Len(t, faults, 1)
			require.True(t, strings.HasPrefix(faults[0], "3 "+c.want), "%s\n%s", faults[0], c.want)
			require.Equal(t, []int64{1, 1}, []int64{done.New, done.Bad}, "the others are imported")
		})
	}
}

func TestWhatIsThereIsHeldAgainstTheFile(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		ends := ",visa,4242,01/2030\n"
		first := header + "a,deferred,usd,500 2026-03-01,,,,,,,ada,,cus_a,pm_a" + ends
		var faults []string
		run(t, s, options(&faults), first)
		_, again := run(t, s, options(&faults), first)
		require.Equal(t, []int64{0, 1}, []int64{again.New, again.Present})
		later := options(&faults)
		later.Now = func() time.Time { return now.AddDate(1, 0, 0) }
		run(t, s, later, first)
		require.Empty(t, faults, "an imported plan is not checked again once its date has passed")
		for _, line := range []string{
			"a,deferred,usd,501 2026-03-01,,,,,,,ada,,cus_a,pm_a", "b,deferred,usd,500 2026-03-01,,,,,,,bob,,cus_b,pm_a", "c,deferred,usd,500 2026-03-01,,,,,,,ada,,cus_z,pm_z",
		} {
			run(t, s, options(&faults), header+line+ends)
		}
		require.Len(t, faults, 3)
		require.Contains(t, faults[0], "reference: belongs to plan plan_")
		require.Equal(t, []string{"2 card: pm_a is saved for another customer", "2 customer.stripe_customer: the customer is cus_a at Stripe"}, faults[1:])
	})
}

func TestCatchUpChargesThePastAtOnce(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	var faults []string
	o := options(&faults)
	o.CatchUp = true
	run(t, s, o, header+"a,installments,usd,500 2026-01-01; 500 2026-01-15; 500 2026-03-01,,,,,,,ada,,cus_a,pm_a,visa,4242,01/2030\n")
	require.Empty(t, faults)
	claims, err := s.ClaimCharges(t.Context(), now, now.Add(time.Minute), 10)
	require.NoError(t, err)
	require.Len(t, claims, 2)
}

// stripe has some cards.
type stripe map[string]billing.PaymentMethod

// PaymentMethod returns one of them.
func (s stripe) PaymentMethod(_ context.Context, id string) (billing.PaymentMethod, error) {
	pm, ok := s[id]
	if !ok {
		return pm, billing.ErrNotFound
	}
	if pm.Type == "away" {
		return pm, errors.Join(errors.New("no answer"), billing.ErrUnavailable)
	}
	return pm, nil
}

func TestCardsAreVerified(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	var faults []string
	o := options(&faults)
	o.Cards = stripe{
		"pm_a": {ID: "pm_a", Type: "card", Customer: "cus_a", Brand: "amex", Last4: "0005", ExpMonth: 5, ExpYear: 2031, Fingerprint: "fp"},
		"pm_b": {ID: "pm_b", Type: "card", Customer: "cus_other", ExpMonth: 5, ExpYear: 2031},
		"pm_c": {ID: "pm_c", Type: "card", Customer: "cus_c", ExpMonth: 5, ExpYear: 2020},
		"pm_e": {ID: "pm_e", Type: "sepa_debit", Customer: "cus_e"},
	}
	var text strings.Builder
	text.WriteString(header)
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		fmt.Fprintf(&text, "%[1]s,deferred,usd,500 2026-03-01,,,,,,,%[1]s,,cus_%[1]s,pm_%[1]s,,,\n", n)
	}
	run(t, s, o, text.String())
	require.Equal(t, []string{
		"3 card: pm_b is not attached to cus_b at Stripe", "4 card: it expired in 05/2020", "5 card: Stripe has no PaymentMethod pm_d", "6 card: pm_e is a sepa_debit, not a card",
	}, faults)
	card, err := s.CardByPaymentMethod(t.Context(), "pm_a")
	require.NoError(t, err)
	require.Equal(t, []any{"amex", "0005", 5, 2031, "fp"}, []any{card.Brand, card.Last4, card.ExpMonth, card.ExpYear, card.Fingerprint})

	o.Cards = stripe{"pm_a": {Type: "away"}}
	_, err = importing.New(s, o).Check(t.Context(), lines(t, text.String()))
	require.ErrorIs(t, err, billing.ErrUnavailable)
}

func TestAHeaderThatIsNotKnownEndsIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "the file is empty",
		"reference,amout\n":       `there is no column "amout"`,
		"reference,reference\n":   `column "reference" is repeated`,
		"\xef\xbb\xbfreference\n": "",
	} {
		_, err := importing.NewReader(strings.NewReader(text))
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}

func TestFaultsOfJSONLines(t *testing.T) {
	t.Parallel()
	var faults []string
	run(t, storetest.SQLite(t), options(&faults), `{"referent": "a"}`+"\n\n"+`{"paid": "much"}`+"\n{}{}\n[]\n"+`{"customer": {"name": "\u009b2J"}}`+"\n")
	require.Equal(t, []string{
		"1 referent: there is no such field", "3 paid: can't be a string", "4 line: holds more than one JSON object", "5 line: is not a JSON object", "6 customer.name: contains control characters",
	}, faults)
}

// TestImport_Confirm requires that customers get the list of their plan's payments once if the
// option is set, and not otherwise.
func TestImport_Confirm(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		notices := func() []billing.Notice {
			list, err := s.Notices(t.Context(), billing.NoticeFilter{Limit: 10})
			require.NoError(t, err)
			return list
		}
		var faults []string
		o := options(&faults)
		run(t, s, o, strings.ReplaceAll(example(t, "csv"), "order-1,", "order-5,"))
		require.Empty(t, notices())
		o.Confirm = true
		run(t, s, o, example(t, "csv"))
		run(t, s, o, example(t, "csv"))
		require.Empty(t, faults)
		list := notices()
		require.Len(t, list, 1, "the other two plans were there")
		n := list[0]
		require.Equal(t, billing.NoticePlanStarted, n.Kind)
		require.Equal(t, details(t, s, "order-1").Plan.ID, n.PlanID)
		require.Equal(t, "ada@example.com", n.To)
		require.Equal(t, billing.NoticePending, n.Status)
		require.False(t, n.ClaimAfter.IsZero(), "a worker sends it")
		require.Len(t, n.Data.Schedule, 3)
		require.True(t, n.Data.Schedule[0].Paid)
		require.Equal(t, int64(100000), n.Data.Amount)
	})
}
