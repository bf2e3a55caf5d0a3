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

// cell is a pair of states: of a plan, and of the second of its three charges.
type cell struct {
	plan   billing.PlanStatus
	charge billing.ChargeStatus
}

// chargeStatuses lists every status of a charge.
func chargeStatuses() []billing.ChargeStatus {
	return append(billing.OpenChargeStatuses(), billing.ChargeSucceeded, billing.ChargeCanceled, billing.ChargeRefunded, billing.ChargeDisputed)
}

// threeCharges stores a plan in the state of the cell: the first charge paid, the second as given,
// the third scheduled. A charge that is open and not scheduled was tried, and has a PaymentIntent.
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

// attempt carries out one operation on the second charge, or on its plan, with valid arguments.
func attempt(t *testing.T, o *operator.Operator, op operator.Operation, plan billing.PlanID, charge billing.ChargeID, card billing.CardID) error {
	t.Helper()
	ctx := t.Context()
	later := now.AddDate(0, 0, 14).Format(time.DateOnly)
	var err error
	switch op {
	case operator.OpPause:
		_, err = o.Pause(ctx, plan, "")
	case operator.OpResume:
		_, err = o.Resume(ctx, plan, operator.Shift, "")
	case operator.OpCancel:
		_, err = o.Cancel(ctx, plan, "")
	case operator.OpRefund:
		_, err = o.CancelAndRefund(ctx, plan, "")
	case operator.OpRemaining:
		_, err = o.SetRemaining(ctx, plan, 2600)
	case operator.OpFee:
		_, err = o.AddFee(ctx, plan, 500, now.AddDate(0, 2, 0).Format(time.DateOnly), "")
	case operator.OpExtend:
		_, err = o.Extend(ctx, plan, operator.Extension{Parts: 2})
	case operator.OpPayAll:
		_, err = o.PayAll(ctx, plan, 100)
	case operator.OpRestart:
		_, err = o.Restart(ctx, plan, "")
	case operator.OpCard:
		_, err = o.UseCard(ctx, plan, card)
	case operator.OpCatchUp:
		_, err = o.SetCatchUp(ctx, plan, billing.CatchUpAll)
	case operator.OpRetry:
		_, err = o.Retry(ctx, charge)
	case operator.OpSkip:
		_, err = o.Skip(ctx, charge, "")
	case operator.OpSkipToEnd:
		_, err = o.SkipToEnd(ctx, charge, "", "")
	case operator.OpMove:
		_, err = o.Move(ctx, charge, later)
	case operator.OpAmount:
		_, err = o.SetAmount(ctx, charge, 1500)
	case operator.OpSplit:
		_, err = o.Split(ctx, charge, 400, later)
	case operator.OpPay:
		_, err = o.Pay(ctx, charge)
	case operator.OpCollect:
		_, err = o.Collect(ctx, charge, "")
	case operator.OpPaidOutside:
		_, err = o.PaidOutside(ctx, charge, "")
	case operator.OpWriteOff:
		_, err = o.WriteOff(ctx, charge, "")
	default:
		t.Fatalf("the test does not know %q", op)
	}
	return err
}

// page collects the content of docs/changes.md.
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

// String returns the page.
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
| catch-up: how to make up for periods that an outage missed | POST /v1/plans/{id}/catch-up {"catch_up"} | tranche plan catch-up --catch-up |
| retry | POST /v1/charges/{id}/retry | tranche charge retry |
| skip, skip to the end | POST /v1/charges/{id}/skip {"to_end", "every", "reason"} | tranche charge skip [--to-end] |
| move to another date | POST /v1/charges/{id}/move {"due"} | tranche charge move --due |
| amount: another amount, such as for a balance | POST /v1/charges/{id}/amount {"amount"} | tranche charge amount --amount |
| split in two | POST /v1/charges/{id}/split {"first", "due"} | tranche charge split --first [--due] |
| pay early | POST /v1/charges/{id}/pay | tranche charge pay |
| collect: a charge that is due on request | POST /v1/charges/{id}/collect {"due"} | tranche charge collect [--due] |
| paid-outside: no money through Stripe | POST /v1/charges/{id}/paid-outside {"note"} | tranche charge paid-outside |
| write-off | POST /v1/charges/{id}/write-off {"reason"} | tranche charge write-off |

The charges always add up to the plan's total. A skipped charge is dropped, and the total falls by its amount. A charge that is
written off stays in the total, as a loss. An amount can be changed only while Stripe holds no payment of it. Open charges fall due in
the order of their numbers. A charge with an attempt in flight is not changed. An operation that would break these rules is refused, even
where a table shows a dot. Every change is a new version of the plan: GET /v1/plans/{id}/versions, tranche plan versions. The customer
gets a mail about the change, except for pay, pay-all, collect, card, catch-up, retry, paid-outside and write-off, and with --quiet or
"notify": false.

A recurring plan always has one charge to come: when it is skipped, paid outside or written off, the next one is written. A charge can't
be moved, nor a fee or split added, to the date of the next unwritten charge or later. An amount for the remaining charges holds for all
later ones. A plan with a fixed number of charges can be extended, paid off, and have a charge skipped to the end; other recurring
plans refuse these. A resumption that shifts dates, and a late first payment, also shift the charges that are not written yet. A charge
that is due on request can be collected, but not moved, paid early or retried; splitting it gives two charges that are due on request.

A test writes the tables from the program's behavior. Each table is one operation. The rows are the plan's status. The columns are the
status of the charge that the operation is about: the second of three, with the first paid. For a plan's operation, they are the
status of that charge too. A dot means that the operation is allowed; a number, that it is refused for the reason with that number, below.
A charge that is open and not scheduled was tried, and has a PaymentIntent at Stripe.

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

// short returns a column's heading.
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
