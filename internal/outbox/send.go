package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/notify"
	"tranche/internal/planwork"
)

// Send sends the mail of the notice id, unless the notice is no longer true. If it is sent again
// after a crash, it carries the same Message-ID. If the mail server can't be reached, the notice is
// tried again later. A refused address is recorded. A task with an older lease does nothing.
// Errors: billing.ErrUnavailable; OpenLink's; an error if the mail can't be rendered.
func (o *Outbox) Send(ctx context.Context, id string, lease int64) error {
	n, err := o.Store.Notice(ctx, billing.NoticeID(id))
	if errors.Is(err, billing.ErrNotFound) {
		o.Log.Info().Str("notice", id).Msg("task dropped: its notice is gone")
		return nil
	}
	if err != nil || n.Status != billing.NoticePending || n.Lease != lease {
		return err
	}
	if n, err = o.holdNotice(ctx, n); err != nil || n.Status != billing.NoticePending {
		return err
	}
	if o.OpenLink != nil { // before the mail is sent, so that its link works
		for _, about := range n.ByPlan() {
			if err := o.OpenLink(ctx, about); err != nil {
				return err
			}
		}
	}
	if n.MessageID == "" { // the notice was written where the sender's domain is not known; the id is the same for each try
		n.MessageID = n.MailID(o.MessageDomain)
	}
	mail, err := notify.Render(n, o.Merchant)
	if err != nil {
		return o.recordNotice(ctx, n, billing.Delivery{}, &billing.MailError{Permanent: true, Err: err})
	}
	n.Subject, n.Body = mail.Subject, mail.Text
	delivery, err := o.Mailer.Send(ctx, mail)
	ctx, cancel := o.Recording(ctx)
	defer cancel()
	return o.recordNotice(ctx, n, delivery, err)
}

// maxNoticeTries bounds how often a mail is tried. The tries cover three days, after which its
// content is of no use. Mail servers themselves give up after four or five days (RFC 5321,
// 4.5.4.1).
const maxNoticeTries = 450

// withoutLink returns the text of a mail as it is stored after the mail was sent: a reader of the
// database must not find a link that opens the customer's page. A mail that is only stored, because
// no mail server is configured, keeps its link.
func (o *Outbox) withoutLink(n billing.Notice) string {
	if o.Merchant.PayLink == nil {
		return n.Body
	}
	body := n.Body
	for _, about := range n.ByPlan() {
		if link := o.Merchant.PayLink(about); link != "" {
			body = strings.ReplaceAll(body, link, "[link]")
		}
	}
	return body
}

// recordNotice records the outcome of a try to send a notice.
func (o *Outbox) recordNotice(ctx context.Context, n billing.Notice, d billing.Delivery, failure error) error {
	n, entry := o.conclude(n, d, failure)
	return o.Store.Update(ctx, func(tx billing.Tx) error {
		if err := lockNotice(ctx, tx, n); err != nil {
			return err
		}
		stored, err := tx.Notice(ctx, n.ID)
		if err != nil || stored.Status != billing.NoticePending {
			return err
		}
		if err := tx.UpdateNotice(ctx, n); err != nil || n.Status == billing.NoticePending {
			return err
		}
		if err := o.finishGathered(ctx, tx, n, entry); err != nil {
			return err
		}
		return finishNotice(ctx, tx, n, entry)
	})
}

// conclude returns the notice with the outcome of a try, and the audit entry about it.
func (o *Outbox) conclude(n billing.Notice, d billing.Delivery, failure error) (billing.Notice, billing.AuditEntry) {
	now := o.Clock.Now()
	n.Attempts++
	n.ClaimAfter, n.Reason = time.Time{}, ""
	if !d.Kept {
		n.Body = o.withoutLink(n)
	}
	entry := billing.AuditEntry{
		At: now, Action: "notice.sent", PlanID: n.PlanID, ChargeID: n.ChargeID, CustomerID: n.CustomerID,
		NoticeID: n.ID,
		Message:  fmt.Sprintf("%s mailed to customer %s", planwork.Spoken(n.Kind), n.CustomerID),
	}
	var refusal *billing.MailError
	switch {
	case failure == nil && d.Kept:
		n.Status, n.SentAt = billing.NoticeKept, now
		entry.Action, entry.Message = "notice.kept", fmt.Sprintf("%s for customer %s kept: no mail server is set", planwork.Spoken(n.Kind), n.CustomerID)
	case failure == nil:
		n.Status, n.SentAt = billing.NoticeSent, now
	case errors.As(failure, &refusal) && refusal.Permanent || n.Attempts >= maxNoticeTries:
		n.Status, n.Reason = billing.NoticeFailed, failure.Error()
		entry.Action, entry.Message = "notice.failed", fmt.Sprintf("%s to customer %s can't be delivered: the notice holds the reason", planwork.Spoken(n.Kind), n.CustomerID)
	default:
		n.Reason, n.ClaimAfter = failure.Error(), o.Backoff(n.Attempts)
		o.Log.Warn().Str("notice", string(n.ID)).Int("attempts", n.Attempts).Err(failure).Msg("notice not sent; it will be tried again")
	}
	return n, entry
}
