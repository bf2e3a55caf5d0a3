package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/planwork"
)

// lockNotice locks the customer of a notice that gathers, because mails of other plans may include
// it.
func lockNotice(ctx context.Context, tx billing.Tx, n billing.Notice) error {
	if !n.Gathers() {
		return nil
	}
	return tx.LockCustomer(ctx, n.CustomerID)
}

// inAnotherMail defers a notice while another notice's mail, which includes it, is being sent.
func (o *Outbox) inAnotherMail(ctx context.Context, tx billing.Tx, n *billing.Notice) (bool, error) {
	if n.Data.MailedWith == "" || n.Data.MailedWith == n.ID {
		return false, nil
	}
	first, err := tx.Notice(ctx, n.Data.MailedWith)
	if errors.Is(err, billing.ErrNotFound) { // deleted with its plan
		n.Data.MailedWith = ""
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if first.Status != billing.NoticePending || !first.Holds(n.ID) {
		n.Data.MailedWith = ""
		return false, nil
	}
	n.Reason, n.ClaimAfter = waitsForEarlier, o.afterEarlier(first)
	return true, tx.UpdateNotice(ctx, *n)
}

// afterEarlier returns when a notice that waits for another one is checked again.
func (o *Outbox) afterEarlier(earlier billing.Notice) time.Time {
	return billing.LaterOf(earlier.ClaimAfter, o.Clock.Now()).Add(o.Clock.Simulated(time.Second))
}

// gather includes the customer's other failed payments in the mail of a notice, and marks their
// notices as waiting for it. Notices that are no longer true are skipped. The caller has locked the
// customer.
func (o *Outbox) gather(ctx context.Context, tx billing.Tx, plan billing.Plan, first *billing.Notice) error {
	first.Data.Others = nil
	if !first.Gathers() {
		return nil
	}
	first.Data.MailedWith = first.ID // no other mail takes it
	waiting, err := tx.WaitingFailures(ctx, first.CustomerID, plan.Account)
	if err != nil {
		return err
	}
	states := map[billing.PlanID]planState{}
	for _, other := range waiting {
		if !first.Takes(other) || first.Holds(other.ID) {
			continue
		}
		s, ok := states[other.PlanID]
		if !ok {
			if s, err = readPlanState(ctx, tx, other.PlanID, o.Clock.Now()); err != nil {
				return err
			}
			states[other.PlanID] = s
		}
		state := s.at(other)
		if overtaken(other, state) != "" {
			continue
		}
		taken := first.Take(upToDate(other, state))
		taken.Reason, taken.ClaimAfter = waitsForEarlier, o.afterEarlier(*first)
		if err := tx.UpdateNotice(ctx, taken); err != nil {
			return err
		}
	}
	return nil
}

// finishGathered records the outcome of a mail for the notices that it includes: each counts as
// mailed.
func (o *Outbox) finishGathered(ctx context.Context, tx billing.Tx, first billing.Notice, entry billing.AuditEntry) error {
	for _, other := range first.Data.Others {
		n, err := tx.Notice(ctx, other.Notice)
		if errors.Is(err, billing.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if n.Status != billing.NoticePending || n.Data.MailedWith != first.ID {
			continue
		}
		with := fmt.Sprintf("in one mail with notice %s", first.ID)
		n.Status, n.SentAt, n.ClaimAfter, n.To, n.Attempts = first.Status, first.SentAt, time.Time{}, first.To, first.Attempts
		n.Subject, n.Body, n.Reason = first.Subject, first.Body, with
		if first.Status == billing.NoticeFailed {
			n.Reason += ": " + first.Reason
		} else {
			n.MessageID = first.MessageID
		}
		if err := tx.UpdateNotice(ctx, n); err != nil {
			return err
		}
		about := entry
		about.PlanID, about.ChargeID, about.NoticeID = n.PlanID, n.ChargeID, n.ID
		about.Message = fmt.Sprintf("%s (%s, %s)", entry.Message, planwork.Spoken(n.Kind), with)
		if err := tx.InsertAudit(ctx, about); err != nil {
			return err
		}
	}
	return nil
}
