package operator

import (
	"slices"
)

// Noun is the kind of object that an operation is about.
type Noun string

// The nouns, as in commands.
const (
	NounPlan     Noun = "plan"
	NounCharge   Noun = "charge"
	NounCard     Noun = "card"
	NounCustomer Noun = "customer"
	NounNotice   Noun = "notice"
	NounEvent    Noun = "event"
	NounIncident Noun = "incident"
)

// Spec describes an operation for the API, the commands, the docs and the tests.
type Spec struct {
	Operation Operation
	Noun      Noun
	// Name is the operation's word in paths and commands. A variant, such as a cancellation with
	// refund, has the name of the operation before it.
	Name string
	// Route is the method and the path of the API; empty if only a command makes the change.
	Route string
	// Confirm is what the command asks first; the zero value for an operation that is not dangerous.
	Confirm Confirmation
	// Summary describes the operation in docs/changes.md; it may be empty.
	Summary string
	// NewInput returns the input of an operation on a plan or a charge, with its defaults; nil for
	// other nouns.
	NewInput func() Input
	// Card makes the change of one card; nil for other operations.
	Card CardFunc
}

// Variant reports whether the operation shares its route and command with the one before it.
func (s Spec) Variant() bool { return s.Name != string(s.Operation) }

// Command returns the words of the operation's command, without the program's name.
func (s Spec) Command() string { return string(s.Noun) + " " + s.Name }

// Dangerous reports whether the operation destroys data, or moves money without need. Its command
// asks first, unless --yes is given.
func (s Spec) Dangerous() bool { return s.Confirm.Word != "" }

// Confirmation is the question of a command before a dangerous operation.
type Confirmation struct {
	Question string
	Word     string // the answer that confirms it
}

// typed returns a confirmation that asks for a word.
func typed(question, word string) Confirmation {
	return Confirmation{Question: question + " Type " + word + " to do it: ", Word: word}
}

// Operations returns every operation: those on plans, on charges, on cards, and on the other nouns.
func Operations() []Spec {
	return slices.Concat(planOperations(), chargeOperations(), cardOperations(), otherOperations())
}

// Find returns an operation. It panics if there is none, because both names are constants of the
// program.
func Find(noun Noun, op Operation) Spec {
	all := Operations()
	i := slices.IndexFunc(all, func(s Spec) bool { return s.Noun == noun && s.Operation == op })
	if i < 0 {
		panic("operator: there is no operation " + string(noun) + " " + string(op))
	}
	return all[i]
}

// onPlan describes an operation on a plan.
func onPlan(op Operation, summary string, input func() Input, confirm Confirmation) Spec {
	return Spec{Operation: op, Noun: NounPlan, Name: string(op), Route: "POST /v1/plans/{id}/" + string(op), Summary: summary, NewInput: input, Confirm: confirm}
}

// onCharge describes an operation on a charge.
func onCharge(op Operation, summary string, input func() Input, confirm Confirmation) Spec {
	return Spec{Operation: op, Noun: NounCharge, Name: string(op), Route: "POST /v1/charges/{id}/" + string(op), Summary: summary, NewInput: input, Confirm: confirm}
}

// variant describes an operation that is another one with other input.
func variant(op Operation, of Spec, input func() Input) Spec {
	of.Operation, of.NewInput = op, input
	return of
}

func planOperations() []Spec {
	more, unasked := "The customer is charged more than agreed.", Confirmation{}
	cancel := onPlan(OpCancel, `with "refund", what was paid is refunded`, func() Input { return &CancelInput{} }, typed("Cancel the plan permanently?", "cancel"))
	return []Spec{
		onPlan(OpPause, "", func() Input { return &PauseInput{} }, unasked),
		onPlan(OpResume, "", func() Input { return &ResumeInput{Dates: CatchUp} }, unasked),
		cancel,
		variant(OpRefund, cancel, func() Input { return &CancelInput{Refund: true} }),
		onPlan(OpRemaining, "a new total for what is unpaid, or an amount of each", func() Input { return &RemainingInput{} }, unasked),
		onPlan(OpFee, "one more charge", func() Input { return &FeeInput{} }, typed(more, "fee")),
		onPlan(OpExtend, "more parts at the end", func() Input { return &ExtendInput{} }, typed(more, "extend")),
		onPlan(OpPayAll, "the rest now, in one charge", func() Input { return &PayAllInput{} }, typed("The saved card is charged at once.", "pay")),
		onPlan(OpRestart, "a defaulted plan collects again", func() Input { return &RestartInput{} }, typed("Unpaid charges of the plan are made.", "restart")),
		onPlan(OpCard, "another saved card", func() Input { return &CardInput{} }, unasked),
		onPlan(OpCatchUp, "how to make up for periods that an outage missed", func() Input { return &CatchUpInput{} }, unasked),
	}
}

func chargeOperations() []Spec {
	unasked := Confirmation{}
	skip := onCharge(OpSkip, `with "to_end", it comes after the last charge`, func() Input { return &SkipInput{} }, typed("The charge is not collected on its date.", "skip"))
	return []Spec{
		onCharge(OpRetry, "", func() Input { return &RetryInput{} }, typed("Charge the saved card now?", "retry")),
		skip,
		variant(OpSkipToEnd, skip, func() Input { return &SkipInput{ToEnd: true} }),
		onCharge(OpMove, "another date", func() Input { return &MoveInput{} }, unasked),
		onCharge(OpAmount, "another amount, such as for a balance", func() Input { return &AmountInput{} }, unasked),
		onCharge(OpSplit, "two charges instead of one", func() Input { return &SplitInput{} }, unasked),
		onCharge(OpPay, "early payment", func() Input { return &PayInput{} }, typed("The saved card is charged at once.", "pay")),
		onCharge(OpCollect, "a charge that is due on request", func() Input { return &CollectInput{} }, typed("The saved card is charged, at once or on the date.", "collect")),
		onCharge(OpPaidOutside, "no money through Stripe", func() Input { return &PaidOutsideInput{} }, typed("The charge is no longer collected through Stripe.", "paid")),
		onCharge(OpWriteOff, "", func() Input { return &WriteOffInput{} }, typed("The charge is no longer collected.", "write off")),
		onCharge(OpRefundDuplicate, "the second payment of a charge", func() Input { return &RefundDuplicateInput{} }, typed("The second payment is refunded.", "refund")),
	}
}

// onCard describes an operation on one card.
func onCard(op Operation, do CardFunc, confirm Confirmation) Spec {
	return Spec{Operation: op, Noun: NounCard, Name: string(op), Route: "POST /v1/cards/{id}/" + string(op), Card: do, Confirm: confirm}
}

func cardOperations() []Spec {
	return []Spec{
		{Operation: OpOrder, Noun: NounCard, Name: "order", Route: "PUT /v1/customers/{id}/cards"},
		onCard(OpDefault, makeDefault, Confirmation{}),
		onCard(OpRelease, release, typed("The card is charged again for all due charges.", "release")),
		onCard(OpRemove, remove, typed("The card is removed permanently.", "remove")),
	}
}

func otherOperations() []Spec {
	return []Spec{
		// A command asks only if the new time zone moves charges, and names their number.
		{Operation: OpUpdate, Noun: NounCustomer, Name: "update", Route: "PATCH /v1/customers/{id}"},
		{Operation: OpErase, Noun: NounCustomer, Name: "erase", Route: "POST /v1/customers/{id}/erase", Confirm: typed("This can't be undone.", "erase")},
		{Operation: OpRetry, Noun: NounNotice, Name: "retry"},
		{Operation: OpRetry, Noun: NounEvent, Name: "retry"},
		{Operation: OpClose, Noun: NounIncident, Name: "close", Route: "POST /v1/incidents/{id}/close", Confirm: Confirmation{"Type close to close it: ", "close"}},
	}
}
