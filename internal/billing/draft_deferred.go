package billing

// deferred returns the one charge of a deferred plan.
func (d drafter) deferred() []ChargeDraft {
	if d.Total <= 0 {
		d.bad.add("total", "must be more than 0, in minor units (cents)")
	}
	due, ok := d.due("due", d.Due)
	at := d.at(due)
	if ok && !due.OnRequest && !at.After(d.now) {
		d.bad.add("due", "%s is not later than now", d.Due)
	}
	*d.schedule = d.single(due)
	return []ChargeDraft{{Amount: d.Total, DueAt: at, field: "total"}}
}
