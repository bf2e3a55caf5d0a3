package operator_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

var update = flag.Bool("update", false, "write docs/changes.md")

const changesPage = "../../docs/changes.md"

// cell is a plan in one state: its second charge of three is in the other.
type cell struct {
	plan   billing.PlanStatus
	charge billing.ChargeStatus
}

// chargeStatuses lists every status of a charge.
func chargeStatuses() []billing.ChargeStatus {
	return append(billing.OpenChargeStatuses(), billing.ChargeSucceeded, billing.ChargeCanceled, billing.ChargeRefunded, billing.ChargeDisputed)
}

// threeCharges stores a plan in the state of the cell: the first charge paid, the second as given,
// the third scheduled. What is neither scheduled nor over was tried, and has a PaymentIntent.
func threeCharges(t *testing.T, s billing.Store, in cell) (billing.Plan, []billing.Charge, billing.CardID) {
	t.Helper()
	ctx := t.Context()
	customer := billing.Customer{ID: billing.NewCustomerID(now), CreatedAt: now, UpdatedAt: now, Version: 1}
	customer.Reference = string(customer.ID)
	cards := make([]billing.Card, 2)
	for i := range cards {
		id := billing.NewCardID(now)
		cards[i] = billing.Card{ID: id, CustomerID: customer.ID, PaymentMethod: "pm_" + string(id), Brand: "visa", Last4: "4242", Status: billing.CardActive, CreatedAt: now, UpdatedAt: now}
	}
	plan := billing.Plan{
		ID: billing.NewPlanID(now), CustomerID: customer.ID, CardID: cards[0].ID, Kind: billing.KindInstallments, Status: in.plan, Currency: "usd",
		Total: 3000, Terms: []byte(`{"every":"1 month"}`), CreatedAt: now.AddDate(0, -2, 0), UpdatedAt: now, Version: 1,
	}
	plan.Reference = string(plan.ID)
	if in.plan == billing.PlanPaused {
		plan.PausedAt = now.AddDate(0, 0, -3)
	}
	charges := make([]billing.Charge, 3)
	for i := range charges {
		charges[i] = billing.Charge{
			ID: billing.NewChargeID(now), PlanID: plan.ID, CustomerID: customer.ID, Sequence: i + 1, Amount: 1000, Currency: "usd",
			DueAt: plan.CreatedAt.AddDate(0, i, 0), Status: billing.ChargeScheduled, CreatedAt: now, UpdatedAt: now, Version: 1,
		}
	}
	charges[0].Status, charges[0].PaymentIntent, charges[0].PaidAt = billing.ChargeSucceeded, "pi_"+string(charges[0].ID), plan.CreatedAt
	charges[1].Status, charges[1].DueAt = in.charge, now.AddDate(0, 0, -1)
	charges[2].DueAt = now.AddDate(0, 1, 0)
	if in.charge == billing.ChargeScheduled {
		charges[1].DueAt = now.AddDate(0, 0, 7)
	} else if in.charge != billing.ChargeCanceled {
		charges[1].PaymentIntent, charges[1].AttemptCount = "pi_"+string(charges[1].ID), 1
	}
	require.NoError(t, s.Update(ctx, func(tx billing.Tx) error {
		require.NoError(t, tx.InsertCustomer(ctx, customer))
		for _, c := range cards {
			require.NoError(t, tx.InsertCard(ctx, c))
		}
		return tx.InsertPlan(ctx, plan, charges)
	}))
	return plan, charges, cards[1].ID
}

// attempt carries out one operation on the second charge, or on its plan, as somebody would who
// asks for what is possible.
func attempt(t *testing.T, s operator.Store, op operator.Operation, plan billing.PlanID, charge billing.ChargeID, card billing.CardID) error {
	t.Helper()
	ctx := t.Context()
	later := now.AddDate(0, 0, 14).Format(time.DateOnly)
	var err error
	switch op {
	case operator.OpPause:
		_, err = operator.Pause(ctx, s, plan, "", now)
	case operator.OpResume:
		_, err = operator.Resume(ctx, s, plan, operator.Shift, "", now)
	case operator.OpCancel:
		_, err = operator.Cancel(ctx, s, plan, "", now)
	case operator.OpRefund:
		_, err = operator.CancelAndRefund(ctx, s, plan, "", now)
	case operator.OpRemaining:
		_, err = operator.SetRemaining(ctx, s, plan, 2600, now)
	case operator.OpFee:
		_, err = operator.AddFee(ctx, s, plan, 500, now.AddDate(0, 2, 0).Format(time.DateOnly), "", now)
	case operator.OpExtend:
		_, err = operator.Extend(ctx, s, plan, operator.Extension{Parts: 2}, now)
	case operator.OpPayAll:
		_, err = operator.PayAll(ctx, s, plan, 100, now)
	case operator.OpRestart:
		_, err = operator.Restart(ctx, s, plan, "", now)
	case operator.OpCard:
		_, err = operator.UseCard(ctx, s, plan, card, now)
	case operator.OpCatchUp:
		_, err = operator.SetCatchUp(ctx, s, plan, billing.CatchUpAll, now)
	case operator.OpRetry:
		_, err = operator.Retry(ctx, s, charge, now)
	case operator.OpSkip:
		_, err = operator.Skip(ctx, s, charge, "", now)
	case operator.OpSkipToEnd:
		_, err = operator.SkipToEnd(ctx, s, charge, "", "", now)
	case operator.OpMove:
		_, err = operator.Move(ctx, s, charge, later, now)
	case operator.OpAmount:
		_, err = operator.SetAmount(ctx, s, charge, 1500, now)
	case operator.OpSplit:
		_, err = operator.Split(ctx, s, charge, 400, later, now)
	case operator.OpPay:
		_, err = operator.Pay(ctx, s, charge, now)
	case operator.OpCollect:
		_, err = operator.Collect(ctx, s, charge, "", now)
	case operator.OpPaidOutside:
		_, err = operator.PaidOutside(ctx, s, charge, "", now)
	case operator.OpWriteOff:
		_, err = operator.WriteOff(ctx, s, charge, "", now)
	default:
		t.Fatalf("the test does not know %q", op)
	}
	return err
}

// page is docs/changes.md in the making.
type page struct {
	cells   map[operator.Operation]map[cell]int
	reasons []string
}

func newPage() *page { return &page{cells: map[operator.Operation]map[cell]int{}} }

func (p *page) add(t *testing.T, op operator.Operation, in cell, plan billing.Plan, err error) {
	t.Helper()
	if p.cells[op] == nil {
		p.cells[op] = map[cell]int{}
	}
	if err == nil {
		return
	}
	var refused *operator.RefusedError
	require.ErrorAs(t, err, &refused, "%s of %v", op, in)
	why := strings.ReplaceAll(refused.Why, "plan "+plan.Reference, "the plan")
	n := slices.Index(p.reasons, why) + 1
	if n == 0 {
		p.reasons = append(p.reasons, why)
		n = len(p.reasons)
	}
	p.cells[op][in] = n
}

// String writes the page.
func (p *page) String() string {
	var b strings.Builder
	b.WriteString(`# What may be changed when

| operation | API | command |
|---|---|---|
| pause, resume | POST /v1/plans/{id}/pause, /resume | tranche plan pause, resume |
| cancel, cancel with refund | POST /v1/plans/{id}/cancel {"refund": true} | tranche plan cancel [--refund] |
| remaining: a new total for what is unpaid, or an amount of each | POST /v1/plans/{id}/remaining {"total"} or {"amount"} | tranche plan remaining --total or --amount |
| fee: one more charge | POST /v1/plans/{id}/fee {"amount", "due", "reason"} | tranche plan fee --amount --due |
| extend: more parts at the end | POST /v1/plans/{id}/extend {"parts", "amount", "every"} | tranche plan extend --parts |
| pay-all: the rest now, in one charge | POST /v1/plans/{id}/pay-all {"discount"} | tranche plan pay-all [--discount] |
| restart a defaulted plan | POST /v1/plans/{id}/restart {"missed"} | tranche plan restart |
| card: another saved card | POST /v1/plans/{id}/card {"card"} | tranche plan card --card |
| catch-up: what becomes of periods that an outage missed | POST /v1/plans/{id}/catch-up {"catch_up"} | tranche plan catch-up --catch-up |
| retry | POST /v1/charges/{id}/retry | tranche charge retry |
| skip, skip to the end | POST /v1/charges/{id}/skip {"to_end", "every", "reason"} | tranche charge skip [--to-end] |
| move to another date | POST /v1/charges/{id}/move {"due"} | tranche charge move --due |
| amount, such as that of a balance | POST /v1/charges/{id}/amount {"amount"} | tranche charge amount --amount |
| split in two | POST /v1/charges/{id}/split {"first", "due"} | tranche charge split --first [--due] |
| pay early | POST /v1/charges/{id}/pay | tranche charge pay |
| collect: what waits for your word | POST /v1/charges/{id}/collect {"due"} | tranche charge collect [--due] |
| paid-outside: no money through Stripe | POST /v1/charges/{id}/paid-outside {"note"} | tranche charge paid-outside |
| write-off | POST /v1/charges/{id}/write-off {"reason"} | tranche charge write-off |

The charges always add up to the plan's total. A skipped charge is dropped: the total is less by it. One that is written off
stays in the total, as a loss. An amount is changed only while Stripe holds no payment of it; open charges fall due in
the order of their numbers; what is under way is left alone. What breaks these is refused, whatever the tables say. Every
change is a new version of the plan: GET /v1/plans/{id}/versions, tranche plan versions. The customer is mailed what changed, but for
pay, pay-all, collect, card, catch-up, retry, paid-outside and write-off; not with --quiet or "notify": false.

A recurring plan always has one charge to come: when that is skipped, paid outside or written off, the next is written. A charge is not
moved, and no fee or split falls, behind the one after it. The amount of the rest holds for all that come. Where the plan ends after a
number of charges it can be extended, paid off, and have one skipped to the end; without such an end these are refused. A resumption
that shifts dates, and a first payment that comes late, shift those that are still to be written too. A charge that waits
for your word is collected, and not moved, paid early or retried; a split leaves two that wait.

The tables are written by a test from what the program does. Each table is one operation; the rows are the plan's status, the columns that of
the charge it is about, the second of three whose first is paid (on a plan's operation: of that charge too). A dot means that it is done;
a number, that it is refused with the reason of that number, below. A charge that is neither scheduled nor over was tried,
and has a PaymentIntent at Stripe.

Columns: `)
	for i, status := range chargeStatuses() {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", short(status), status)
	}
	b.WriteString(".\n")
	for _, op := range operator.Operations() {
		fmt.Fprintf(&b, "\n## %s\n\n| plan |", op)
		for _, status := range chargeStatuses() {
			fmt.Fprintf(&b, " %s |", short(status))
		}
		b.WriteString("\n|---" + strings.Repeat("|---", len(chargeStatuses())) + "|\n")
		for _, plan := range billing.PlanStatuses() {
			fmt.Fprintf(&b, "| %s |", plan)
			for _, charge := range chargeStatuses() {
				mark := "."
				if n := p.cells[op][cell{plan, charge}]; n > 0 {
					mark = fmt.Sprint(n)
				}
				fmt.Fprintf(&b, " %s |", mark)
			}
			b.WriteString("\n")
		}
	}
	b.WriteString("\n## Reasons\n\n")
	for i, why := range p.reasons {
		fmt.Fprintf(&b, "%d. %s\n", i+1, why)
	}
	return b.String()
}

// short is a column's heading.
func short(s billing.ChargeStatus) string {
	words := strings.Split(string(s), "_")
	out := ""
	for _, w := range words {
		out += strings.ToUpper(w[:1])
	}
	if len(words) == 1 {
		out = strings.ToUpper(string(s[:1])) + string(s[1:3])
	}
	return out
}
