// Package dunning decides what follows a decline: a table of decline codes, a policy, and the limits of Stripe and the card
// networks. Everything in it is a pure function.
package dunning

import (
	"maps"
	"slices"
	"time"

	"tranche/internal/billing"
)

// Class sorts declines by what can put them right.
type Class string

const (
	// ClassFunds is too little money: the same card may pay once there is more, best after a payday.
	ClassFunds Class = "funds"
	// ClassLimit is a limit of the card's that time lifts.
	ClassLimit Class = "limit"
	// ClassTemporary is a fault on the way to the issuer, or at it.
	ClassTemporary Class = "temporary"
	// ClassDeclined is an issuer that says no and not why: it may say yes another day.
	ClassDeclined Class = "declined"
	// ClassAuthenticate needs the customer to authenticate the same card. Time alone changes nothing.
	ClassAuthenticate Class = "authenticate"
	// ClassNewCard needs another card, or corrected details of this one.
	ClassNewCard Class = "new_card"
	// ClassStop forbids charging this card again: it is lost or stolen, or the payment was blocked.
	ClassStop Class = "stop"
	// ClassWithdrawn is a customer who took back consent at the bank: nothing of the plan is charged until it is given anew.
	ClassWithdrawn Class = "withdrawn"
	// ClassOperator is not the customer's fault: the request or the account is wrong.
	ClassOperator Class = "operator"
)

// Classes lists every class.
func Classes() []Class {
	return []Class{
		ClassFunds, ClassLimit, ClassTemporary, ClassDeclined, ClassAuthenticate, ClassNewCard, ClassStop, ClassWithdrawn, ClassOperator,
	}
}

// Timed says whether time alone may put it right, so that a policy holds days for it.
func (c Class) Timed() bool {
	return slices.Contains([]Class{ClassFunds, ClassLimit, ClassTemporary, ClassDeclined, ClassOperator}, c)
}

// Action is what Tranche does about a class of declines.
type Action string

const (
	// ActionRetry tries the same card again on the policy's days.
	ActionRetry Action = "retry"
	// ActionAuthenticate asks the customer to authenticate, once, and waits.
	ActionAuthenticate Action = "authenticate"
	// ActionAskForCard asks the customer for another card, and waits.
	ActionAskForCard Action = "ask_for_card"
	// ActionStopCard never charges the card again, and asks for another.
	ActionStopCard Action = "stop_card"
	// ActionStopPlan never charges the card again, and pauses the plan.
	ActionStopPlan Action = "stop_plan"
	// ActionMerchant tells the merchant, who is to mend it, and tries again on the policy's days.
	ActionMerchant Action = "merchant"
)

// Action is what is done about the class.
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

// Notice is what the customer is told; empty when it is none of the customer's business.
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

// Row is what the table says of one code.
type Row struct {
	// Code is Stripe's decline code, its error code where that stands in for one, or a name of ours for what is no code.
	Code  string
	Class Class
	// Reason is the key of what the customer is told. It is ReasonDeclined where the true one must not be told.
	Reason billing.Reason
	// Secret says that the true reason must not be shown to the customer: it would tell a thief what to do next.
	// Source: docs.stripe.com/declines/codes, which wants these presented as a generic decline.
	Secret bool
	// Wait is the least time before the next attempt, where Stripe names one.
	Wait time.Duration
	// Merchant is what the merchant is told, in a few words.
	Merchant string
}

// MayBeShown says whether the customer is told the true reason, and not only that the payment was declined.
func (r Row) MayBeShown() bool {
	return !r.Secret && r.Reason != billing.ReasonDeclined && r.Class.Notice() != ""
}

// Table lists every row, by code.
func Table() []Row {
	rows := make([]Row, 0, len(table))
	for _, code := range slices.Sorted(maps.Keys(table)) {
		rows = append(rows, table[code])
	}
	return rows
}

// Lookup finds the row of a code, and whether there is one.
func Lookup(code string) (Row, bool) {
	row, ok := table[code]
	return row, ok
}

// Codes of ours, for what Stripe tells otherwise than by a code.
const (
	// CodeBlocked is a payment that Stripe Radar blocked: the charge's outcome has the type blocked. The issuer was not asked.
	// Source: docs.stripe.com/declines, "Blocked payments".
	CodeBlocked = "blocked"
	// codeUnknown is the row for codes that are not in the table.
	codeUnknown = "generic_decline"
)

// Verdict is what is known of one failure from the table and from what the issuer advised.
type Verdict struct {
	Row // its Wait is the network's, where that advised one
	// Because is the advice that changed what the table says; empty when none did.
	Because string
}

// Classify finds the row of a failure and applies the issuer's and the network's advice to it. brand is the card's, as
// Stripe writes it. A code that is not in the table is taken for a generic decline.
func Classify(f billing.Failure, brand string) Verdict {
	return advised(Verdict{Row: rowOf(f)}, f, brand)
}

// rowOf goes by what is surest: a block by Radar, the decline code, then the error code (some declines carry only one).
func rowOf(f billing.Failure) Row {
	if f.Blocked {
		return table[CodeBlocked]
	}
	for _, code := range []string{f.DeclineCode, f.Code} {
		if row, ok := table[code]; ok {
			return row
		}
	}
	return table[codeUnknown]
}
