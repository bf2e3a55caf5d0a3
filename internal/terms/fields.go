package terms

import (
	"strings"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
)

// fieldsOf lists the schedule fields that each kind of plan takes.
var fieldsOf = map[billing.PlanKind]string{
	billing.KindInstallments: "total parts every first_amount charges remainder starts card business_day",
	billing.KindDeposit:      "total deposit deposit_percent balance_due starts card business_day",
	billing.KindRecurring:    "amount every parts until trial first_amount starts card business_day",
	billing.KindDeferred:     "total due card business_day",
}

// scheduleFields lists all fields that make a schedule, and whether each is set.
func (t Terms) scheduleFields() []struct {
	name  string
	given bool
} {
	return []struct {
		name  string
		given bool
	}{
		{"total", t.Total != 0},
		{"parts", t.Parts != 0},
		{"every", t.Every != ""},
		{"first_amount", t.FirstAmount != 0},
		{"charges", len(t.Charges) > 0},
		{"remainder", t.Remainder != ""},
		{"deposit", t.Deposit != 0},
		{"deposit_percent", t.DepositPercent != ""},
		{"balance_due", t.BalanceDue != ""},
		{"amount", t.Amount != 0},
		{"until", t.Until != ""},
		{"trial", t.Trial != ""},
		{"due", t.Due != ""},
		{"starts", t.Starts != ""},
		{"card", t.Card != ""},
		{"business_day", t.BusinessDay != ""},
	}
}

// checkFields reports fields that this kind of plan does not take, and unknown rules.
func (d drafter) checkFields() {
	if allowed := fieldsOf[d.Kind]; allowed != "" {
		d.refuse("does not go with a plan of kind "+string(d.Kind), func(field string) bool {
			return !strings.Contains(" "+allowed+" ", " "+field+" ")
		})
	}
	if !d.Remainder.Known() {
		d.bad.Add("remainder", "is %q; use %q, %q or %q", d.Remainder, money.RemainderFirst, money.RemainderLast, money.RemainderSpread)
	}
	if why := d.CatchUp.Problem(d.Kind); why != "" {
		d.bad.Add("catch_up", "%s", why)
	}
	if d.ExpiresAfter != "" {
		d.checkExpiry()
	}
	if !d.BusinessDay.Known() {
		d.bad.Add("business_day", "is %q; use %q, %q or %q", d.BusinessDay, calendar.BusinessDayFollowing, calendar.BusinessDayPreceding, calendar.BusinessDayModifiedFollowing)
	}
}

// refuse reports every field that is set although it is unwanted.
func (d drafter) refuse(why string, unwanted func(field string) bool) {
	for _, f := range d.scheduleFields() {
		if f.given && unwanted(f.name) {
			d.bad.Add(f.name, "%s; leave it out", why)
		}
	}
}

// refuseWith reports fields that can't be combined with the one named beside.
func (d drafter) refuseWith(beside string, fields ...string) {
	unwanted := " " + strings.Join(fields, " ") + " "
	d.refuse("does not go with "+beside, func(field string) bool { return strings.Contains(unwanted, " "+field+" ") })
}
