package recovery

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
)

// Renew mails a new link to the address on file if a link has expired: at most once a day for each
// charge, because the notice is unique. It returns nothing about what it did, so that a caller
// can't find out whether a token ever existed. A revoked link is not renewed. Errors:
// billing.ErrUnavailable.
func (d *Service) Renew(ctx context.Context, token string) error {
	link, err := d.Store.PayLink(ctx, hashOf(token))
	if errors.Is(err, billing.ErrNotFound) || err == nil && !link.RevokedAt.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	ctx = byLink(ctx, link)
	now := d.Now().Truncate(time.Millisecond)
	return d.Store.Update(ctx, func(tx billing.Tx) error {
		v, err := d.load(ctx, tx, link)
		if errors.Is(err, billing.ErrNotFound) {
			return nil
		}
		if err != nil || !renewable(v) {
			return err
		}
		n := d.notice(v, now)
		added, err := tx.InsertNotice(ctx, n)
		if err != nil || !added {
			return err
		}
		return tx.InsertAudit(ctx, billing.AuditEntry{
			At: now, Action: "link.renewed", PlanID: v.Plan.ID, ChargeID: v.Charge.ID, CustomerID: v.Customer.ID,
			Message: "a new link was requested with an expired one", Next: "it is mailed to the address on file",
		})
	})
}

// renewable reports whether a mail would help: it is false if there is nothing to do, or if this is
// about to change.
func renewable(v Page) bool {
	switch v.State {
	case StateClosed, StateProcessing, StateCharging, StateWaits:
		return false
	}
	return v.Customer.Email != ""
}

// renewal returns the kind of the mail with the new link, and its reason: the notice that fits the
// charge's current state.
func renewal(v Page) (billing.NoticeKind, billing.Reason) {
	switch {
	case v.State == StateSetup:
		return billing.NoticeCheckoutReminder, billing.ReasonNoCardSaved
	case v.Plan.Status == billing.PlanAwaitingFirstPayment:
		return billing.NoticeCheckoutReminder, v.Reason
	case v.State == StateAuthenticate:
		return billing.NoticeActionRequired, v.Reason
	case v.State == StatePaid:
		return billing.NoticePaymentSucceeded, v.Reason
	case v.State == StatePayEarly:
		return billing.NoticeUpcomingCharge, v.Reason
	}
	return billing.NoticePaymentFailed, v.Reason
}

// notice is the mail that brings a new link.
func (d *Service) notice(v Page, now time.Time) billing.Notice {
	kind, reason := renewal(v)
	n := billing.NewNotice(kind, "link:"+now.UTC().Format(time.DateOnly), v.Plan, v.Customer, now)
	n.ChargeID = v.Charge.ID
	n.Data.Sequence, n.Data.Of, n.Data.Amount, n.Data.Currency = v.Charge.Sequence, len(v.Charges), v.Charge.Amount, v.Charge.Currency
	n.Data.DueAt, n.Data.NextAttemptAt = v.Charge.DueAt, v.Charge.NextAttemptAt
	n.Data.PaymentIntent, n.Data.FailureReason = v.Charge.PaymentIntent, reason
	if v.Card != nil {
		n.Data.CardBrand, n.Data.CardLast4 = v.Card.Brand, v.Card.Last4
	}
	n.MessageID = n.MailID(d.MessageDomain)
	return n
}
