// Package dunning decides what follows a decline, from a table of decline codes, a policy, and the
// limits of Stripe and the card networks. All of it is pure functions.
package dunning

import (
	"maps"
	"slices"
	"time"

	"tranche/internal/billing"
)

// Class groups declines by what can resolve them.
type Class string

const (
	// ClassFunds is insufficient funds: the same card may pay later, best after a payday.
	ClassFunds Class = "funds"
	// ClassLimit is a limit of the card that time lifts.
	ClassLimit Class = "limit"
	// ClassTemporary is a fault at the issuer or on the way to it.
	ClassTemporary Class = "temporary"
	// ClassDeclined is a decline without a reason: the issuer may approve another day.
	ClassDeclined Class = "declined"
	// ClassAuthenticate needs the customer to authenticate the same card. Time alone changes nothing.
	ClassAuthenticate Class = "authenticate"
	// ClassNewCard needs another card, or corrected details of this one.
	ClassNewCard Class = "new_card"
	// ClassStop forbids charging this card again: it is lost or stolen, or the payment was blocked.
	ClassStop Class = "stop"
	// ClassWithdrawn means that the customer withdrew consent at the bank: nothing of the plan is
	// charged until the customer consents again.
	ClassWithdrawn Class = "withdrawn"
	// ClassOperator means that the request or the account is wrong. The customer is not at fault.
	ClassOperator Class = "operator"
)

// Classes returns every class.
func Classes() []Class {
	return []Class{
		ClassFunds, ClassLimit, ClassTemporary, ClassDeclined, ClassAuthenticate, ClassNewCard, ClassStop, ClassWithdrawn, ClassOperator,
	}
}

// Timed reports whether time alone may resolve the decline, so that a policy has days for it.
func (c Class) Timed() bool {
	return slices.Contains([]Class{ClassFunds, ClassLimit, ClassTemporary, ClassDeclined, ClassOperator}, c)
}

// Action is what Tranche does about a class of declines.
type Action string

const (
	// ActionRetry retries the same card on the policy's days.
	ActionRetry Action = "retry"
	// ActionAuthenticate asks the customer to authenticate, once, and waits.
	ActionAuthenticate Action = "authenticate"
	// ActionAskForCard asks the customer for another card, and waits.
	ActionAskForCard Action = "ask_for_card"
	// ActionStopCard never charges the card again, and asks for another.
	ActionStopCard Action = "stop_card"
	// ActionStopPlan never charges the card again, and pauses the plan.
	ActionStopPlan Action = "stop_plan"
	// ActionMerchant alerts the merchant, who must fix the fault, and retries on the policy's days.
	ActionMerchant Action = "merchant"
)

// Action returns what is done about the class.
func (c Class) Action() Action {
	switch c {
	case ClassAuthenticate:
		return ActionAuthenticate
	case ClassNewCard:
		return ActionAskForCard
	case ClassStop:
		return ActionStopCard
	case ClassWithdrawn:
		return ActionStopPlan
	case ClassOperator:
		return ActionMerchant
	default:
		return ActionRetry
	}
}

// Notice returns the notice to the customer, or "" if the customer gets none.
func (c Class) Notice() billing.NoticeKind {
	switch c {
	case ClassAuthenticate:
		return billing.NoticeActionRequired
	case ClassOperator:
		return ""
	default:
		return billing.NoticePaymentFailed
	}
}

// Row is the table's entry for one code.
type Row struct {
	// Code is Stripe's decline code, its error code if it has no decline code, or a code of Tranche's.
	Code  string
	Class Class
	// Reason is the key of the reason shown to the customer. It is ReasonDeclined if the true reason
	// must stay hidden.
	Reason billing.Reason
	// Secret means that the true reason must not be shown to the customer, because it would help a
	// thief. Source: docs.stripe.com/declines/codes, which requires a generic decline.
	Secret bool
	// Wait is the least time before the next attempt, if Stripe names one.
	Wait time.Duration
	// Merchant is the reason shown to the merchant.
	Merchant string
}

// MayBeShown reports whether the customer sees the true reason, and not only that the payment was
// declined.
func (r Row) MayBeShown() bool {
	return !r.Secret && r.Reason != billing.ReasonDeclined && r.Class.Notice() != ""
}

// Table returns every row, by code.
func Table() []Row {
	rows := make([]Row, 0, len(table))
	for _, code := range slices.Sorted(maps.Keys(table)) {
		rows = append(rows, table[code])
	}
	return rows
}

// Lookup returns the row of a code, and whether it exists.
func Lookup(code string) (Row, bool) {
	row, ok := table[code]
	return row, ok
}

// Codes of Tranche's, where Stripe sends no code.
const (
	// CodeBlocked is a payment that Stripe Radar blocked: the charge's outcome has the type blocked.
	// The issuer was not asked. Source: docs.stripe.com/declines, "Blocked payments".
	CodeBlocked = "blocked"
	// codeUnknown is the row for codes that are not in the table.
	codeUnknown = "generic_decline"
)
