package operator

import (
	"slices"

	"tranche/internal/billing"
)

// Operation names something a person may do, in the words of the API's paths and the commands.
// Operations on different nouns may share a name. docs/changes.md lists what each state of a plan
// and a charge allows.
type Operation string

// The operations on plans.
const (
	OpPause     Operation = "pause"
	OpResume    Operation = "resume"
	OpCancel    Operation = "cancel"
	OpRefund    Operation = "cancel with refund"
	OpRemaining Operation = "remaining"
	OpFee       Operation = "fee"
	OpExtend    Operation = "extend"
	OpPayAll    Operation = "pay-all"
	OpRestart   Operation = "restart"
	OpCard      Operation = "card"
	OpCatchUp   Operation = "catch-up"
)

// The operations on charges. Notices and events can be retried too.
const (
	OpRetry           Operation = "retry"
	OpSkip            Operation = "skip"
	OpSkipToEnd       Operation = "skip to the end"
	OpMove            Operation = "move"
	OpAmount          Operation = "amount"
	OpSplit           Operation = "split"
	OpPay             Operation = "pay"
	OpCollect         Operation = "collect"
	OpPaidOutside     Operation = "paid-outside"
	OpWriteOff        Operation = "write-off"
	OpRefundDuplicate Operation = "refund-duplicate"
)

// The operations on cards, customers and incidents.
const (
	OpOrder   Operation = "order"
	OpDefault Operation = "default"
	OpRelease Operation = "release"
	OpRemove  Operation = "remove"
	OpUpdate  Operation = "update"
	OpErase   Operation = "erase"
	OpClose   Operation = "close"
)

// forbidden returns why the operation is refused for a plan in this status; "" if it is allowed.
func (o Operation) forbidden(s billing.PlanStatus) string {
	allowed := []billing.PlanStatus{billing.PlanActive, billing.PlanPastDue, billing.PlanPaused, billing.PlanDefaulted}
	switch o {
	case OpPay, OpPayAll, OpCollect:
		allowed = allowed[:2]
	case OpRestart:
		allowed = allowed[3:]
	case OpRefund, OpCatchUp:
		allowed = append(allowed, billing.PlanAwaitingFirstPayment)
	}
	if slices.Contains(allowed, s) {
		return ""
	}
	switch {
	case o == OpRestart:
		return "the plan is " + string(s) + ", not defaulted"
	case s == billing.PlanAwaitingFirstPayment:
		return "the first payment was not made yet: cancel the plan and make another"
	case s == billing.PlanPaused:
		return "the plan is paused: resume it first"
	case s == billing.PlanDefaulted:
		return "the plan is defaulted: restart it first"
	}
	return "the plan is " + string(s)
}
