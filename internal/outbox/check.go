package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// waitsForEarlier is the reason of a notice that waits for an older one to the same customer.
const waitsForEarlier = "an earlier message to the customer is sent first"

// holdNotice decides, under the plan's lock, whether the notice is sent now, and returns the notice
// as it is to be sent. It renews the lease, so that the scheduler does not give the notice to
// another process while the mail server responds slowly. A notice that is not to be sent is
// returned without the status pending: another task has it, it waits for an earlier one, or it was
// dropped.
func (o *Outbox) holdNotice(ctx context.Context, n billing.Notice) (billing.Notice, error) {
	var held billing.Notice
	err := o.Store.Update(ctx, func(tx billing.Tx) error {
		held = billing.Notice{}
		plan, stored, err := lockedNotice(ctx, tx, n)
		if err != nil || stored.Status != billing.NoticePending || stored.Lease != n.Lease {
			return err
		}
		if waits, err := o.behindAnother(ctx, tx, &stored); err != nil || waits {
			return err
		}
		checked, err := o.checkNotice(ctx, tx, plan, stored)
		if err != nil || checked.Status != billing.NoticePending {
			return err
		}
		// Its wait is over: another charge that fails must not release it a second time.
		checked.ClaimAfter, checked.Reason = o.Clock.Now().Add(o.Clock.Simulated(o.Lease)), ""
		if err := o.gather(ctx, tx, plan, &checked); err != nil {
			return err
		}
		held = checked
		return tx.UpdateNotice(ctx, checked)
	})
	return held, err
}

// lockedNotice locks the rows that a notice is compared with, and reads its plan and the notice
// again.
func lockedNotice(ctx context.Context, tx billing.Tx, n billing.Notice) (plan billing.Plan, stored billing.Notice, err error) {
	if plan, err = tx.LockPlan(ctx, n.PlanID); err != nil {
		return plan, stored, err
	}
	if err := lockNotice(ctx, tx, n); err != nil {
		return plan, stored, err
	}
	stored, err = tx.Notice(ctx, n.ID)
	return plan, stored, err
}

// behindAnother defers a notice that is part of another mail in flight, or that follows an older
// notice.
func (o *Outbox) behindAnother(ctx context.Context, tx billing.Tx, n *billing.Notice) (bool, error) {
	if waits, err := o.inAnotherMail(ctx, tx, n); err != nil || waits {
		return waits, err
	}
	return o.behindEarlier(ctx, tx, *n)
}

// behindEarlier defers a notice while an older notice to the customer waits.
func (o *Outbox) behindEarlier(ctx context.Context, tx billing.Tx, n billing.Notice) (bool, error) {
	earlier, err := tx.EarlierNotice(ctx, n)
	if errors.Is(err, billing.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	n.Reason = waitsForEarlier
	n.ClaimAfter = o.afterEarlier(earlier)
	return true, tx.UpdateNotice(ctx, n)
}

// checkNotice compares a notice with the current plan. A notice that is no longer true is dropped.
// Any other goes to the customer's current address.
func (o *Outbox) checkNotice(ctx context.Context, tx billing.Tx, plan billing.Plan, n billing.Notice) (billing.Notice, error) {
	customer, err := tx.Customer(ctx, n.CustomerID)
	if err != nil {
		return n, err
	}
	s, err := stateOf(ctx, tx, plan, o.Clock.Now())
	if err != nil {
		return n, err
	}
	state, err := withRefunds(ctx, tx, s.at(n), n)
	if err != nil {
		return n, err
	}
	why := overtaken(n, state)
	if why == "" && customer.Email == "" {
		why = "the customer has no e-mail address any more"
	}
	if why == "" {
		n.To = customer.Email
		return upToDate(n, state), nil
	}
	n.Status, n.Reason, n.ClaimAfter = billing.NoticeDropped, why, time.Time{}
	if err := tx.UpdateNotice(ctx, n); err != nil {
		return n, err
	}
	return n, finishNotice(ctx, tx, n, billing.AuditEntry{
		At: o.Clock.Now(), Action: "notice.dropped", PlanID: n.PlanID, ChargeID: n.ChargeID, CustomerID: n.CustomerID, NoticeID: n.ID,
		Message: fmt.Sprintf("%s not mailed: %s", planwork.Spoken(n.Kind), why),
	})
}

// withRefunds adds the refunds that a notice about a refund is compared with.
func withRefunds(ctx context.Context, tx billing.Tx, s noticeState, n billing.Notice) (noticeState, error) {
	if n.Kind != billing.NoticeRefundMade && n.Kind != billing.NoticeRefundFailed {
		return s, nil
	}
	var err error
	if s.refunds, err = tx.Refunds(ctx, n.ChargeID); err != nil {
		return s, err
	}
	for other, err := range billing.EachNotice(ctx, tx, billing.NoticeFilter{Charge: n.ChargeID}) {
		if err != nil {
			return s, err
		}
		if other.Kind == billing.NoticeRefundMade && (other.Status == billing.NoticeSent || other.Status == billing.NoticeKept) {
			s.promised = true
		}
	}
	return s, nil
}

// finishNotice records the outcome of a notice, and releases the notices that waited for it.
func finishNotice(ctx context.Context, tx billing.Tx, n billing.Notice, entry billing.AuditEntry) error {
	if err := tx.InsertAudit(ctx, entry); err != nil {
		return err
	}
	return tx.WakeNotices(ctx, n.CustomerID, waitsForEarlier, entry.At)
}
