package operator

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tranche/internal/billing"
)

// standing is the state of a plan before a change that a notice needs.
type standing struct {
	status  billing.PlanStatus
	charges []billing.Charge
}

// withNotice returns fn with a notice of the change to the customer.
func withNotice(ctx context.Context, fn func(c *change) (billing.AuditEntry, error), quiet bool) func(c *change) (billing.AuditEntry, error) {
	return func(c *change) (billing.AuditEntry, error) {
		was := standing{c.Plan.Status, slices.Clone(c.Charges)}
		entry, err := fn(c)
		if err == nil {
			err = c.notifyChange(ctx, was, &entry, quiet)
		}
		if err == nil && quiet {
			err = c.muteRefunds(ctx)
		}
		return entry, err
	}
}

// notifyChange writes a notice of the change to the customer, if it is a change that they should
// know of. It does so in the transaction of the change, so that the notice exists exactly if the
// change was made. A worker sends it. No notice is written for a customer who has no e-mail
// address, was erased, or never made the first payment.
func (c *change) notifyChange(ctx context.Context, was standing, entry *billing.AuditEntry, quiet bool) error {
	kind := c.noticeFor(was, entry.Action)
	if c.paidOff(was, entry.Action) {
		kind = billing.NoticePlanCompleted
	}
	if kind == "" || c.Customer.Email == "" || !c.Customer.ErasedAt.IsZero() || was.status == billing.PlanAwaitingFirstPayment {
		return nil
	}
	if quiet {
		if entry.Next != "" {
			entry.Next += "; "
		}
		entry.Next += "the customer is not notified"
		return nil
	}
	n := c.Draft(kind, "")
	n.Step = string(kind) + ":" + string(n.ID) // each change has its own notice
	if kind == billing.NoticePlanChanged || kind == billing.NoticePlanResumed {
		n.Data.Schedule = scheduleDiff(was.charges, c.Charges)
	}
	if kind == billing.NoticePlanCompleted {
		n.Completes(c.Plan, c.Charges)
	}
	_, err := c.InsertNotice(ctx, n)
	return err
}

// paidOff reports whether the change left nothing to pay of a plan, because the last charge was
// skipped or was paid elsewhere. A charge that is written off does not count as paid.
func (c *change) paidOff(was standing, action string) bool {
	return c.Plan.Status == billing.PlanCompleted && was.status != billing.PlanCompleted && action != "charge.written_off"
}

// muteRefunds prevents the notices of the ordered refunds from being sent later: it writes them to
// the outbox as failed, and a notice is written only once.
func (c *change) muteRefunds(ctx context.Context) error {
	for _, r := range c.ordered {
		n := c.Draft(billing.NoticeRefundMade, r.NoticeStep())
		n.ChargeID, n.To, n.ClaimAfter = r.ChargeID, "", time.Time{}
		n.Status, n.Reason = billing.NoticeFailed, "the merchant asked not to notify the customer"
		_, err := c.InsertNotice(ctx, n)
		if err != nil {
			return err
		}
	}
	return nil
}

// noticeFor returns the kind of notice for a change; "" for none. A payment that is requested early
// has its receipt, and charges that are written off or were paid elsewhere need no action by the
// customer.
func (c *change) noticeFor(was standing, action string) billing.NoticeKind {
	switch action {
	case "plan.paused":
		return billing.NoticePlanPaused
	case "plan.resumed":
		return billing.NoticePlanResumed
	case "plan.canceled":
		return billing.NoticePlanCanceled
	case "charge.moved", "charge.skipped", "charge.amount_changed", "charge.split", "plan.remaining_changed", "plan.fee_added", "plan.extended":
		if c.Plan.Status != billing.PlanCompleted && slices.ContainsFunc(scheduleDiff(was.charges, c.Charges), different) {
			return billing.NoticePlanChanged
		}
	case "plan.restarted":
		return billing.NoticePlanChanged
	}
	return ""
}

// different reports whether a payment of a schedule changed.
func different(p billing.NoticePayment) bool { return p.WasAmount != 0 || p.Added }

// scheduleDiff returns the unpaid payments after a change, by date: with their former amount and
// date if they changed, and including the payments that are no longer charged.
func scheduleDiff(before, after []billing.Charge) []billing.NoticePayment {
	was := map[billing.ChargeID]billing.Charge{}
	for _, ch := range before {
		if !ch.Status.Ended() || ch.Status == billing.ChargeFailed {
			was[ch.ID] = ch
		}
	}
	var list []billing.NoticePayment
	for _, ch := range after {
		old, had := was[ch.ID]
		delete(was, ch.ID)
		switch {
		case !ch.Status.Ended():
			p := billing.NoticePayment{Amount: ch.Amount, DueAt: ch.DueAt, Added: !had}
			if had && (old.Amount != ch.Amount || !old.DueAt.Equal(ch.DueAt)) {
				p.WasAmount, p.WasDue = old.Amount, old.DueAt
			}
			list = append(list, p)
		case had && ch.Status == billing.ChargeCanceled:
			list = append(list, billing.NoticePayment{WasAmount: old.Amount, WasDue: old.DueAt})
		}
	}
	slices.SortStableFunc(list, func(a, b billing.NoticePayment) int { return cmp.Compare(day(a), day(b)) })
	return list
}

// day returns the sort key of a payment in a schedule: payments without a date come last.
func day(p billing.NoticePayment) int64 {
	at := p.DueAt
	if p.Amount == 0 {
		at = p.WasDue
	}
	if at.IsZero() {
		return time.Time{}.AddDate(9999, 0, 0).UnixMilli()
	}
	return at.UnixMilli()
}
