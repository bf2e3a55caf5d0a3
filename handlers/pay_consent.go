package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/locale"
	"tranche/internal/money"
	"tranche/internal/recovery"
)

// agreement is the text that a customer agrees to when entering a card. It lists every plan and
// payment that the card is charged for.
type agreement struct {
	Title string
	Lines []string // one for each plan
	Total string   // the sum that is charged at once, if the button shows another; may be empty
	Text  string   // the sentence next to the checkbox
	// Key changes with every change of the list. The script sends it back, so that the stored consent
	// is the one that was shown.
	Key    string
	listed []billing.ListedPlan
}

// agree lists the plans and payments that a new card is charged for. paid are the charges that the
// form pays with the card.
func (t teller) agree(paid []billing.Charge) agreement {
	a := agreement{Title: t.say("listed_title"), Text: t.say("consent")}
	atOnce := map[money.Currency]int64{}
	for _, u := range t.v.Uses {
		p := t.listedPlan(u, paid)
		for _, payment := range p.Payments {
			if payment.Now {
				atOnce[payment.Currency] += payment.Amount
			}
		}
		a.Lines, a.listed = append(a.Lines, p.Text), append(a.listed, p)
	}
	if len(atOnce) > 1 || len(atOnce) == 1 && atOnce[t.v.Plan.Currency] != sum(paid) {
		a.Total = t.Text("page.listed_total", map[string]any{"amount": t.sums(atOnce)})
	}
	a.Key = a.key()
	return a
}

// record returns the agreement as it is stored.
func (a agreement) record() string {
	return strings.Join(slices.DeleteFunc(append(append([]string{a.Title}, a.Lines...), a.Total, a.Text), func(s string) bool { return s == "" }), "\n")
}

func (a agreement) key() string {
	data, err := json.Marshal(a.listed)
	if err != nil {
		panic("a list of payments can't be written as JSON: " + err.Error()) // plain structs of texts, numbers and times always can
	}
	of := sha256.Sum256(append(data, a.record()...))
	return hex.EncodeToString(of[:9])
}

// listedPlan lists the payments of one plan, as data and as text.
func (t teller) listedPlan(u recovery.Use, paid []billing.Charge) billing.ListedPlan {
	p := billing.ListedPlan{Plan: u.Plan.ID, Reference: u.Plan.Reference}
	var parts []string
	for _, c := range u.Charges {
		payment := billing.ListedPayment{
			Charge: c.ID, Amount: c.Amount, Currency: c.Currency, DueAt: c.DueAt,
			Now: u.Now(c) || t.v.DueOnSave && c.ID == t.v.Charge.ID || slices.ContainsFunc(paid, func(other billing.Charge) bool { return other.ID == c.ID }),
		}
		p.Payments, parts = append(p.Payments, payment), append(parts, t.listedPayment(payment))
	}
	parts = append(parts, t.listedRest(u)...)
	p.Text = u.Plan.Reference + ": " + strings.Join(parts, "; ")
	return p
}

func (t teller) listedPayment(p billing.ListedPayment) string {
	key := "page.listed_date"
	switch {
	case p.Now:
		key = "page.listed_now"
	case p.DueAt.IsZero():
		key = "page.listed_request"
	}
	return t.Text(key, map[string]any{
		"amount": t.Amount(p.Amount, p.Currency), "date": t.day(p.DueAt), "merchant": t.merchant,
	})
}

// listedRest describes how a recurring plan continues after its existing charges, beginning with
// the date of the next charge.
func (t teller) listedRest(u recovery.Use) []string {
	r, loc := u.Plan.Recurrence, billing.LoadLocation(t.v.Customer.TimeZone)
	var parts []string
	if !r.IsZero() && !slices.ContainsFunc(u.Charges, func(c billing.Charge) bool { return c.Status == billing.ChargeScheduled }) {
		next, rest, ok := r.Take(loc, t.holidays)
		if !ok {
			return nil
		}
		parts = append(parts, t.listedPayment(billing.ListedPayment{Amount: next.Amount, Currency: u.Plan.Currency, DueAt: next.DueAt}))
		r = rest
	}
	if r.IsZero() {
		return parts
	}
	data := map[string]any{"amount": t.Amount(r.Amount, u.Plan.Currency), "every": t.Plural("page.every_"+r.Every.Unit, r.Every.Count, nil)}
	switch {
	case r.Left > 0:
		return append(parts, t.Plural("page.listed_times", r.Left, data))
	case !r.Until.IsZero():
		data["date"] = t.day(r.Until.At(calendar.LocalTime{Hour: 12}, loc))
		return append(parts, t.Text("page.listed_until", data))
	}
	return append(parts, t.Text("page.listed_endless", data))
}

// sums formats amounts in several currencies, in the order of the currency codes.
func (t teller) sums(amounts map[money.Currency]int64) string {
	var parts []string
	for currency, amount := range amounts {
		parts = append(parts, t.Amount(amount, currency))
	}
	slices.Sort(parts)
	return strings.Join(parts, " + ")
}

func sum(charges []billing.Charge) (total int64) {
	for _, c := range charges {
		total += c.Amount
	}
	return total
}

// MandateTexts returns the texts that a customer agrees to, in one language. MandateVersion must
// change when they change.
func MandateTexts(l *locale.Locale) string {
	var b strings.Builder
	for _, key := range []string{"consent", "listed_title", "listed_now", "listed_date", "listed_request", "listed_endless", "listed_until", "listed_total"} {
		data := map[string]any{}
		for _, word := range []string{"merchant", "amount", "date", "every"} {
			data[word] = "{" + word + "}"
		}
		b.WriteString(l.Text("page."+key, data) + "\n")
	}
	for _, key := range []string{"listed_times", "every_day", "every_week", "every_month", "every_year"} {
		for _, n := range []int{1, 2} {
			b.WriteString(l.Plural("page."+key, n, map[string]any{"amount": "{amount}", "every": "{every}"}) + "\n")
		}
	}
	return b.String()
}
