package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// NoticeRefusedError reports that the notice can't or need not be sent again. Nothing was changed.
type NoticeRefusedError struct {
	Notice billing.NoticeID
	Why    string
}

// Error names the notice and the reason.
func (e *NoticeRefusedError) Error() string {
	return fmt.Sprintf("notice %s is not sent again: %s", e.Notice, e.Why)
}

// RetryNotice makes an undeliverable notice due at once, to the customer's current address. Errors:
// *NoticeRefusedError, billing.ErrNotFound, billing.ErrUnavailable.
func (o *Operator) RetryNotice(ctx context.Context, id billing.NoticeID) (billing.Notice, error) {
	var n billing.Notice
	err := o.update(ctx, func(tx billing.Tx, now time.Time) error {
		var err error
		if n, err = tx.Notice(ctx, id); err != nil {
			return err
		}
		if n.Status != billing.NoticeFailed {
			return &NoticeRefusedError{id, "it is " + string(n.Status)}
		}
		customer, err := tx.Customer(ctx, n.CustomerID)
		if err != nil {
			return err
		}
		if customer.Email == "" {
			return &NoticeRefusedError{id, "customer " + customer.Reference + " has no e-mail address"}
		}
		n.Status, n.Reason, n.ClaimAfter, n.Attempts, n.To = billing.NoticePending, "", now, 0, customer.Email
		n.Data.Others, n.Data.MailedWith = nil, "" // it is no longer part of another mail
		if err := tx.UpdateNotice(ctx, n); err != nil {
			return err
		}
		return tx.InsertAudit(ctx, billing.AuditEntry{
			At: now, Action: "notice.retry_requested", PlanID: n.PlanID, ChargeID: n.ChargeID, CustomerID: n.CustomerID, NoticeID: n.ID,
			Message: fmt.Sprintf("%s to customer %s is to be sent again by hand", n.Kind, n.CustomerID), Next: "tried at once",
		})
	})
	return n, err
}
