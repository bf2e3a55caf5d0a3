package terms

import (
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/schedule"
)

// installments returns equal parts at an interval, or the charges that were listed.
func (d drafter) installments() []ChargeDraft {
	if len(d.Charges) > 0 {
		return d.listed()
	}
	if d.Parts < 2 || d.Parts > billing.MaxCharges {
		d.bad.Add("parts", "is %d; use 2 to %d, or list the charges", d.Parts, billing.MaxCharges)
	}
	every := d.interval("every", d.Every)
	if d.Total <= 0 {
		d.bad.Add("total", "must be more than 0, in minor units (cents)")
	}
	if d.FirstAmount < 0 || d.FirstAmount > 0 && d.FirstAmount >= d.Total {
		d.bad.Add("first_amount", "is %d; use more than 0 and less than the total", d.FirstAmount)
	}
	first, anchor, at := d.start()
	if !d.clean() {
		return nil
	}
	*d.schedule = schedule.Schedule{Every: every, Anchor: anchor, At: at, Next: d.Parts}
	drafts := []ChargeDraft{{DueAt: first, field: "total"}}
	for n := 1; n < d.Parts; n++ {
		drafts = append(drafts, ChargeDraft{DueAt: d.dated(every.Date(anchor, n), at), field: "total"})
	}
	for i, amount := range d.amounts() {
		drafts[i].Amount = amount
	}
	return drafts
}

// amounts splits the total; a first amount of its own is set aside, and the rest is split among the
// other parts.
func (d drafter) amounts() []int64 {
	if d.FirstAmount == 0 {
		return money.SplitBy(d.Total, d.Parts, d.Currency, d.Remainder)
	}
	return append([]int64{d.FirstAmount}, money.SplitBy(d.Total-d.FirstAmount, d.Parts-1, d.Currency, d.Remainder)...)
}

// listed returns the charges as the merchant listed them.
func (d drafter) listed() []ChargeDraft {
	d.refuseWith("a list of charges", "parts", "every", "first_amount", "remainder", "starts")
	if len(d.Charges) < 2 || len(d.Charges) > billing.MaxCharges {
		d.bad.Add("charges", "has %d entries; use 2 to %d", len(d.Charges), billing.MaxCharges)
	}
	var sum int64
	drafts := make([]ChargeDraft, len(d.Charges))
	for i, c := range d.Charges {
		field := fmt.Sprintf("charges[%d]", i)
		drafts[i] = ChargeDraft{Amount: c.Amount, DueAt: d.listedDue(i, field+".due", c.Due), field: field}
		sum += c.Amount
	}
	if d.Total != 0 && d.Total != sum {
		d.bad.Add("total", "is %d but the charges add up to %d", d.Total, sum)
	}
	return drafts
}

// listedDue returns when a listed charge falls due. The first charge is due now if its date is
// missing or has passed.
func (d drafter) listedDue(i int, field, s string) time.Time {
	if i == 0 && s == "" {
		return d.now
	}
	due, ok := d.due(field, s)
	if ok && due.OnRequest {
		d.bad.Add(field, "needs a date: only a balance or a deferred charge can wait for a request")
	}
	*d.schedule = d.single(due)
	at := d.at(due)
	if i == 0 && !at.After(d.now) {
		return d.now
	}
	return at
}
