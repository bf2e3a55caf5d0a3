package dunning

import (
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Policy is how often and when a declined charge is tried again.
type Policy struct {
	// RetryDays are the days between one attempt and the next; their number is the number of retries. Together with
	// the first attempt they stay under Stripe's advice of 8 attempts, and below the number of confirmations at which
	// Stripe cancels a PaymentIntent.
	RetryDays []int
	// OperatorDays are the same for failures that are not the customer's.
	OperatorDays []int
	// ChargeTime is the customer's local time of day at which a retry is made.
	ChargeTime billing.LocalTime
}

// DefaultPolicy retries four times in 16 days, which spans a payday more often than not, and failures of ours on
// three days in a row.
func DefaultPolicy(chargeTime billing.LocalTime) Policy {
	return Policy{RetryDays: []int{2, 3, 4, 7}, OperatorDays: []int{1, 1, 1}, ChargeTime: chargeTime}
}

// Decision is what follows a failed attempt.
type Decision struct {
	Class  Class
	Status billing.ChargeStatus
	// NextAttemptAt is the time of the timed retry; zero when there is none.
	NextAttemptAt time.Time
	// Notice is what the customer is told; empty when it is none of the customer's business.
	Notice billing.NoticeKind
	// CustomerReason may be shown to the customer.
	CustomerReason billing.Reason
	// Reason is for the merchant and names the code.
	Reason string
	// RevokeCard says that the card must not be charged again, for this plan or another.
	RevokeCard bool
}

// Decide says what follows the failure of an attempt. failed counts the merchant's failed attempts at this charge, this
// one included. loc is the customer's time zone.
func (p Policy) Decide(f billing.Failure, failed int, now time.Time, loc *time.Location) Decision {
	return p.decide(Classify(f), f, failed, now, loc)
}

// DecideRefused says what follows when Stripe refused the request itself: the customer can't mend that, so it is tried
// again after OperatorDays, when the merchant may have, and the customer is told nothing.
func (p Policy) DecideRefused(f billing.Failure, failed int, now time.Time, loc *time.Location) Decision {
	return p.decide(Row{Class: ClassOperator, Reason: billing.ReasonOurs}, f, failed, now, loc)
}

// DecideCardGone says what follows when the card can't be charged at all: it was removed, or its customer was.
func (p Policy) DecideCardGone(why string) Decision {
	return Decision{
		Class: ClassNewCard, Status: billing.ChargeRequiresPaymentMethod, Notice: billing.NoticePaymentFailed,
		CustomerReason: billing.ReasonNoCard, Reason: why,
	}
}

func (p Policy) decide(row Row, f billing.Failure, failed int, now time.Time, loc *time.Location) Decision {
	d := Decision{Class: row.Class, CustomerReason: row.Reason, Notice: billing.NoticePaymentFailed, RevokeCard: row.Class == ClassStop}
	switch row.Class {
	case ClassAuthenticate:
		d.Status, d.Notice = billing.ChargeRequiresAction, billing.NoticeActionRequired
		d.Reason = fmt.Sprintf("the bank wants the customer to authenticate (%s)", f.Cause())
	case ClassNewCard:
		d.Status = billing.ChargeRequiresPaymentMethod
		d.Reason = fmt.Sprintf("the customer must pay with another card or mend its details (%s)", f.Cause())
	case ClassStop:
		d.Status = billing.ChargeFailed
		d.Reason = fmt.Sprintf("this card must not be tried again (%s)", f.Cause())
	case ClassOperator:
		d.Notice = ""
		p.retryOrFail(&d, f, p.OperatorDays, failed, now, loc)
	default:
		p.retryOrFail(&d, f, p.RetryDays, failed, now, loc)
	}
	return d
}

func (p Policy) retryOrFail(d *Decision, f billing.Failure, days []int, failed int, now time.Time, loc *time.Location) {
	if failed > len(days) {
		d.Status = billing.ChargeFailed
		d.Reason = fmt.Sprintf("declined %d times, last with %s; no retry is left", failed, f.Cause())
		return
	}
	wait := days[max(failed, 1)-1]
	d.Status = billing.ChargeRetrying
	d.NextAttemptAt = billing.DateOf(now, loc).AddDays(wait).At(p.ChargeTime, loc)
	d.Reason = fmt.Sprintf("declined with %s; retry %d of %d", f.Cause(), failed, len(days))
}
