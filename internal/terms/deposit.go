package terms

import "tranche/internal/money"

// deposit is a first charge that is part of the total, and the balance.
func (d drafter) deposit() []ChargeDraft {
	deposit, field := d.depositAmount()
	if d.clean() && (deposit <= 0 || deposit >= d.Total) {
		d.bad.Add(field, "is %d; use more than 0 and less than the total of %d", deposit, d.Total)
	}
	first, _, _ := d.start()
	due, _ := d.due("balance_due", d.BalanceDue)
	*d.schedule = d.single(due)
	return []ChargeDraft{
		{Amount: deposit, DueAt: first, field: field},
		{Amount: d.Total - deposit, DueAt: d.at(due), field: "balance_due"},
	}
}

// depositAmount returns the deposit and the field that sets it.
func (d drafter) depositAmount() (int64, string) {
	switch {
	case d.DepositPercent == "":
		return d.Deposit, "deposit"
	case d.Deposit != 0:
		d.bad.Add("deposit", "is given together with deposit_percent; leave one of them out")
		return d.Deposit, "deposit"
	}
	share, err := money.ParsePercent(d.DepositPercent)
	if err != nil {
		d.bad.Add("deposit_percent", "%s", err)
	}
	return share.Of(d.Total, d.Currency), "deposit_percent"
}
