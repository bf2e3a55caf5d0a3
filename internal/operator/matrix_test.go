package operator_test

import (
	"flag"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/operator/operatortest"
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
	_, err := operatortest.Example(now, card).Make(t.Context(), o, op, plan, charge)
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

`)
	operationTable(&b)
	b.WriteString(`
Each field is a flag of the command too, such as --to-end; for "dates": "shift" it is --shift. A command with --yes asks first.

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
	for _, op := range operatortest.Operations() {
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

// operationTable writes the table of operations on plans and charges, with the fields of each.
func operationTable(b *strings.Builder) {
	b.WriteString("| operation | API | command |\n|---|---|---|\n")
	for _, spec := range operator.Operations() {
		if spec.NewInput == nil || spec.Variant() {
			continue
		}
		name := spec.Name
		if spec.Summary != "" {
			name += ": " + spec.Summary
		}
		command := spec.Command()
		if spec.Dangerous() {
			command += " [--yes]"
		}
		fmt.Fprintf(b, "| %s | %s%s | tranche %s |\n", name, spec.Route, fieldsOf(spec.NewInput()), command)
	}
}

// fieldsOf returns the JSON fields of an input, as docs show them.
func fieldsOf(in operator.Input) string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(in).Elem()) {
		names = append(names, strconv.Quote(f.Tag.Get("json")))
	}
	if len(names) == 0 {
		return ""
	}
	return " {" + strings.Join(names, ", ") + "}"
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
