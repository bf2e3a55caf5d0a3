package importing

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/schedule"
	"tranche/internal/terms"
)

// drafted is the part of a plan that is not paid yet.
type drafted struct {
	charges    []terms.ChargeDraft
	recurrence schedule.Recurrence
	schedule   schedule.Schedule
	paidAt     time.Time // when the earlier payments were made
}

// firstDue returns when the first remaining charge falls due.
func (d drafted) firstDue() time.Time {
	if len(d.charges) == 0 {
		return d.paidAt
	}
	return d.charges[0].DueAt
}

// fault returns a fault of one field.
func fault(field, format string, args ...any) billing.FieldError {
	return billing.FieldError{Field: field, Message: fmt.Sprintf(format, args...)}
}

// draft calculates the remaining charges of a plan, or returns every fault of the line.
func (o Options) draft(l Line, now time.Time) (drafted, []billing.FieldError) {
	bad := o.checkFields(l)
	out := drafted{paidAt: now}
	t, fault := l.schedule()
	bad = append(bad, fault...)
	if l.PaidAt != "" {
		due, err := schedule.ParseDue(l.PaidAt)
		out.paidAt = due.At(o.Rules.ChargeTime, t.Location(), "", o.Rules.Holidays)
		if err != nil || due.OnRequest || out.paidAt.After(now) {
			bad = append(bad, billing.FieldError{Field: "paid_at", Message: fmt.Sprintf("%q is not a date or an instant that has passed", l.PaidAt)})
		}
	}
	if len(fault) > 0 {
		return out, bad
	}
	at, late := o.begin(t, now)
	draft, err := t.Draft(at, o.Rules)
	if invalid, ok := errors.AsType[*billing.InvalidError](err); ok {
		bad = append(bad, inLineWords(invalid.Fields, l)...)
	}
	if late != "" {
		bad = append(bad, billing.FieldError{Field: dueField(l), Message: late})
	}
	if len(bad) > 0 {
		return out, bad
	}
	out.charges, out.recurrence, out.schedule = draft.Charges, draft.Recurrence, draft.Schedule
	return o.goOn(l, t, out)
}

// checkFields checks the fields that only an import has.
func (o Options) checkFields(l Line) []billing.FieldError {
	var bad []billing.FieldError
	add := func(wrong bool, field, format string, args ...any) {
		if wrong {
			bad = append(bad, fault(field, format, args...))
		}
	}
	kinds := []billing.PlanKind{billing.KindInstallments, billing.KindDeposit, billing.KindRecurring, billing.KindDeferred}
	add(!slices.Contains(kinds, l.Kind), "kind", "is %q; use %q", l.Kind, kinds)
	add(!strings.HasPrefix(l.Card, "pm_"), "card", "is %q; name the PaymentMethod at Stripe (pm_…): a plan is only imported with the card it is charged on", l.Card)
	add(!strings.HasPrefix(l.Customer.StripeCustomer, "cus_"), "customer.stripe_customer", "is %q; name the customer at Stripe (cus_…) that the card is attached to", l.Customer.StripeCustomer)
	add(l.Account != "" && !billing.IsAccount(l.Account), "account", "is %q, not a connected account (acct_…)", l.Account)
	add(l.Paid < 0, "paid", "is less than 0")
	add(l.PaidAt != "" && l.Paid == 0, "paid_at", "is allowed only together with paid")
	add(l.Policy != "" && l.Policy != "default" && !slices.Contains(o.Policies, l.Policy), "policy", "%q is not a dunning policy", l.Policy)
	why := l.CatchUp.Problem(l.Kind)
	add(why != "", "catch_up", "%s", why)
	_, _, ok := l.exp()
	add(!ok, "card_exp", "%q is not a month like 07/2031", l.CardExp)
	add(o.Cards == nil && (l.CardBrand == "" || l.CardLast4 == "" || l.CardExp == ""), "card",
		"no details of it are given: give card_brand, card_last4 and card_exp, or let the cards be verified at Stripe")
	return bad
}

// schedule returns the remaining charges as terms for billing: a list, one charge, or an amount at
// an interval.
func (l Line) schedule() (terms.Terms, []billing.FieldError) {
	t := l.terms()
	t.Policy, t.CatchUp = "", ""
	t.Total = 0
	switch {
	case len(l.Charges) > 0 && l.repeats():
		return t, []billing.FieldError{fault("charges", "does not go with amount, every, next, left, until and anchor")}
	case len(l.Charges) > 0 && l.Kind == billing.KindRecurring:
		return t, []billing.FieldError{fault("charges", "does not go with a recurring plan: give amount, every and next")}
	case len(l.Charges) == 1:
		t.Kind, t.Charges, t.Total, t.Due = billing.KindDeferred, nil, l.Charges[0].Amount, l.Charges[0].Due
	case len(l.Charges) > 1:
		t.Kind = billing.KindInstallments
	case l.Next == "":
		return t, []billing.FieldError{fault("next", "is missing: give the date of the next charge, or list the charges that are left")}
	case l.Kind != billing.KindRecurring && l.Left == 0:
		return t, []billing.FieldError{fault("left", "is missing: how many charges are left?")}
	default:
		t.Kind = billing.KindRecurring
	}
	return t, nil
}

// repeats reports whether a line has any field of an amount at an interval.
func (l Line) repeats() bool {
	return l.Amount != 0 || l.Every != "" || l.Next != "" || l.Left != 0 || l.Until != "" || l.Anchor != ""
}

// begin returns the time from which the terms are calculated: now, or just before an overdue first
// charge that is to be made up for. late explains why a late charge is rejected.
func (o Options) begin(t terms.Terms, now time.Time) (at time.Time, late string) {
	text := t.Due + t.Starts
	if len(t.Charges) > 0 {
		text = t.Charges[0].Due
	}
	due, err := schedule.ParseDue(text)
	first := due.At(o.Rules.ChargeTime, t.Location(), t.BusinessDay, o.Rules.Holidays)
	if err != nil || due.OnRequest || first.After(now) {
		return now, ""
	}
	at = first.Add(-time.Millisecond)
	if o.CatchUp {
		return at, ""
	}
	return at, fmt.Sprintf("%s has passed: is it paid already? Leave it out then; with catch-up it is charged at once", text)
}

func dueField(l Line) string {
	if len(l.Charges) > 0 {
		return "charges[0].due"
	}
	return "next"
}

// inLineWords renames fields to their names in the line.
func inLineWords(fields []billing.FieldError, l Line) []billing.FieldError {
	words := map[string]string{"starts": "next", "parts": "left"}
	if len(l.Charges) > 0 {
		words = map[string]string{"due": "charges[0].due", "total": "charges[0].amount"}
	}
	out := slices.Clone(fields)
	for i, f := range out {
		if name, ok := words[f.Field]; ok {
			out[i].Field = name
		}
	}
	return out
}

// goOn counts intervals from the anchor if one is given, and lists all charges if their number is
// known and the plan is not recurring.
func (o Options) goOn(l Line, t terms.Terms, out drafted) (drafted, []billing.FieldError) {
	if l.Anchor != "" && !out.recurrence.IsZero() {
		anchor, err := calendar.ParseDate(l.Anchor)
		if err != nil {
			return out, []billing.FieldError{fault("anchor", "%s", err)}
		}
		n, ok := stepsTo(out.recurrence.Every, anchor, out.recurrence.Anchor)
		if !ok {
			return out, []billing.FieldError{fault("anchor", "no charge falls on %s when they are counted every %s from %s", out.recurrence.Anchor, out.recurrence.Every, anchor)}
		}
		out.recurrence.Anchor, out.recurrence.Next = anchor, n+1
		out.schedule.Anchor, out.schedule.Next = anchor, n+1
	}
	if l.Kind != billing.KindRecurring && !out.recurrence.IsZero() {
		if l.Left > maxCharges {
			return out, []billing.FieldError{fault("left", "is %d; use %d at most", l.Left, maxCharges)}
		}
		for _, next := range out.recurrence.Upcoming(l.Left-1, t.Location(), o.Rules.Holidays) {
			out.charges = append(out.charges, terms.ChargeDraft{Amount: next.Amount, DueAt: next.DueAt})
		}
		out.recurrence = schedule.Recurrence{}
		out.schedule.Next += l.Left - 1
	}
	return out, nil
}

// maxCharges is how many charges a plan that is not recurring may have.
const maxCharges = 500

// stepsTo returns how many intervals a date is after the anchor.
func stepsTo(every calendar.Interval, anchor, day calendar.Date) (int, bool) {
	const most = 40_000 // a century of days
	for n := range most {
		d := every.Date(anchor, n)
		if d == day {
			return n, true
		}
		if d.After(day) {
			break
		}
	}
	return 0, false
}
