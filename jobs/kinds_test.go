package jobs_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
	"tranche/internal/planning"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// kind is a plan of one kind, and its expected course.
type kind struct {
	why   string
	terms terms.Terms
	days  int                              // that are simulated
	also  func(b *bench, p billing.PlanID) // halfway; may be nil
	want  string                           // status, then each charge: amount, status, local day of payment
}

func planKinds() []kind {
	return []kind{
		{why: "instalments, the first part later", days: 100, terms: terms.Terms{Kind: billing.KindInstallments, Total: 30001, Parts: 3, Every: "1 month", Starts: "2026-01-31", Remainder: money.RemainderLast},
			want: "completed | 10000 succeeded 01-31 | 10000 succeeded 02-28 | 10001 succeeded 03-31"},
		{why: "instalments on a saved card, at once", days: 70, terms: terms.Terms{Kind: billing.KindInstallments, Total: 30000, Parts: 3, Every: "1 month", Card: "default"},
			want: "completed | 10000 succeeded 01-15 | 10000 succeeded 02-15 | 10000 succeeded 03-15"},
		{why: "a deposit of a share, the balance before a date", days: 60, terms: terms.Terms{Kind: billing.KindDeposit, Total: 50000, DepositPercent: "20", BalanceDue: "30 days before 2026-04-01"},
			want: "completed | 10000 succeeded 01-15 | 40000 succeeded 03-02"},
		{why: "the balance on request, more than was agreed", days: 60, terms: terms.Terms{Kind: billing.KindDeposit, Total: 50000, Deposit: 10000, BalanceDue: "on request"},
			also: func(b *bench, p billing.PlanID) {
				_, err := b.Operator().SetAmount(b.t.Context(), b.Charge(p, 2).ID, 45000)
				require.NoError(b.t, err)
				_, err = b.Operator().Collect(b.t.Context(), b.Charge(p, 2).ID, "")
				require.NoError(b.t, err)
			}, want: "completed | 10000 succeeded 01-15 | 45000 succeeded 02-14"},
		{why: "the balance on request, in two", days: 60, terms: terms.Terms{Kind: billing.KindDeposit, Total: 50000, Deposit: 10000, BalanceDue: "on request"},
			also: func(b *bench, p billing.PlanID) {
				_, err := b.Operator().Split(b.t.Context(), b.Charge(p, 2).ID, 15000, "")
				require.NoError(b.t, err)
				_, err = b.Operator().Collect(b.t.Context(), b.Charge(p, 2).ID, "2026-03-01")
				require.NoError(b.t, err)
			}, want: "active | 10000 succeeded 01-15 | 15000 succeeded 03-01 | 25000 scheduled"},
		{why: "recurring, three times", days: 100, terms: terms.Terms{Kind: billing.KindRecurring, Amount: 1900, Every: "1 month", Parts: 3},
			want: "completed | 1900 succeeded 01-15 | 1900 succeeded 02-15 | 1900 succeeded 03-15"},
		{why: "recurring until a date", days: 40, terms: terms.Terms{Kind: billing.KindRecurring, Amount: 1900, Every: "10 days", Until: "2026-02-04"},
			want: "completed | 1900 succeeded 01-15 | 1900 succeeded 01-25 | 1900 succeeded 02-04"},
		{why: "recurring without an end", days: 33, terms: terms.Terms{Kind: billing.KindRecurring, Amount: 1900, Every: "2 weeks"},
			want: "active | 1900 succeeded 01-15 | 1900 succeeded 01-29 | 1900 succeeded 02-12 | 1900 scheduled"},
		{why: "recurring until it is canceled", days: 33, terms: terms.Terms{Kind: billing.KindRecurring, Amount: 1900, Every: "2 weeks"},
			also: func(b *bench, p billing.PlanID) {
				_, err := b.Operator().Cancel(b.t.Context(), p, "")
				require.NoError(b.t, err)
			}, want: "canceled | 1900 succeeded 01-15 | 1900 succeeded 01-29 | 1900 canceled"},
		{why: "recurring with a first payment of another size, then dearer", days: 33, terms: terms.Terms{Kind: billing.KindRecurring, Amount: 1900, FirstAmount: 4900, Every: "2 weeks"},
			also: func(b *bench, p billing.PlanID) {
				_, err := b.Operator().SetRemainingAmount(b.t.Context(), p, 2100)
				require.NoError(b.t, err)
			}, want: "active | 4900 succeeded 01-15 | 1900 succeeded 01-29 | 2100 succeeded 02-12 | 2100 scheduled"},
		{why: "a trial", days: 40, terms: terms.Terms{Kind: billing.KindRecurring, Amount: 1900, Every: "1 month", Trial: "7 days", Parts: 2},
			want: "completed | 1900 succeeded 01-22 | 1900 succeeded 02-22"},
		{why: "a trial that is paid for", days: 40, terms: terms.Terms{Kind: billing.KindRecurring, Amount: 1900, FirstAmount: 100, Every: "1 month", Trial: "7 days", Parts: 3},
			want: "completed | 100 succeeded 01-15 | 1900 succeeded 01-22 | 1900 succeeded 02-22"},
		{why: "recurring, off weekends", days: 40, terms: terms.Terms{Kind: billing.KindRecurring, Amount: 1900, Every: "1 month", Starts: "2026-01-31", Parts: 2, BusinessDay: calendar.BusinessDayModifiedFollowing},
			want: "active | 1900 succeeded 01-30 | 1900 scheduled"},
		{why: "deferred to a date", days: 40, terms: terms.Terms{Kind: billing.KindDeferred, Total: 9900, Due: "2026-02-10"}, want: "completed | 9900 succeeded 02-10"},
		{why: "deferred until it is asked for, for a date", days: 40, terms: terms.Terms{Kind: billing.KindDeferred, Total: 9900, Due: "on request"},
			also: func(b *bench, p billing.PlanID) {
				_, err := b.Operator().Collect(b.t.Context(), b.Charge(p, 1).ID, "2026-02-20")
				require.NoError(b.t, err)
			}, want: "completed | 9900 succeeded 02-20"},
	}
}

// TestEachKindFromCreationToItsEnd drives every kind of plan through Stripe. Each webhook is
// delivered twice, and the first webhooks in another order.
func TestEachKindFromCreationToItsEnd(t *testing.T) {
	for _, k := range planKinds() {
		t.Run(k.why, func(t *testing.T) { eachEngine(t, k.live) })
	}
}

// live simulates a plan of the kind, and compares the ledger with Stripe's.
func (k kind) live(b *bench) {
	p := b.begins(k.terms)
	b.Advance(k.days/2 - (k.days/2)%2)
	if k.also != nil {
		k.also(b, p.Plan.ID)
		b.Settle()
	}
	b.Advance(k.days - k.days/2)
	d := b.Details(p.Plan.ID)
	require.Equal(b.t, k.want, ledgerOf(d))
	paid, sum := 0, int64(0)
	for _, c := range d.Charges {
		if c.Status.Paid() {
			paid++
			sum += c.Amount
		}
	}
	count, received := b.Succeeded()
	require.Equal(b.t, paid, count)
	require.Equal(b.t, sum, received, "Stripe has the same ledger")
	require.Equal(b.t, billing.SumOf(d.Charges), d.Plan.Total)
}

// TestAKindInAConnectedAccountIsTheSame: customer, card, payments and events are in the connected
// account, and none in the platform's own.
func TestAKindInAConnectedAccountIsTheSame(t *testing.T) {
	for _, k := range planKinds() {
		t.Run(k.why, func(t *testing.T) { onConnected(t, k.live) })
	}
}

// begins creates a plan and has its customer do what the plan waits for: pay, or give a card. A
// saved card exists beforehand.
func (b *bench) begins(t terms.Terms) planning.Created {
	b.t.Helper()
	t.Reference, t.Currency, t.Account = "order-1", "usd", b.Account
	t.Customer = terms.Customer{Reference: "ada", Email: "ada@example.com", TimeZone: "Europe/London"}
	if t.Card != "" {
		b.giveCard("ada")
	}
	p, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: t})
	require.NoError(b.t, err)
	again, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: t})
	require.NoError(b.t, err)
	require.True(b.t, again.Replayed)
	require.Equal(b.t, p.FirstPayment.ID+p.Setup.ID, again.FirstPayment.ID+again.Setup.ID, "the same request gets the same")
	switch {
	case p.FirstPayment.ID != "":
		require.NoError(b.t, b.PayFirst(p, good))
	case p.Setup.ID != "":
		b.setUp(p.Setup.ClientSecret, good)
	}
	bodies := b.Arrived()
	rand.New(rand.NewPCG(uint64(len(bodies)), 5)).Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	for _, body := range bodies { // in any order
		b.TakeIn(body)
		b.Settle()
	}
	b.TakeIn(bodies...) // delivered twice
	b.Settle()
	return p
}

// setUp gives a card with a SetupIntent, as a customer in the browser does.
func (b *bench) setUp(secret billing.Secret, number string) {
	b.t.Helper()
	intent, err := b.Browser.ConfirmCardSetup(b.t.Context(), secret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: number}})
	require.NoError(b.t, err)
	if intent.Status == "requires_action" {
		_, err = b.Browser.Authenticate(b.t.Context(), intent, true)
		require.NoError(b.t, err)
	}
}

// giveCard creates a customer with a saved card, at Stripe and here, and returns the card.
func (b *bench) giveCard(reference string) billing.Card {
	b.t.Helper()
	ctx := b.t.Context()
	at := b.post("/v1/customers")["id"].(string)
	si := b.post("/v1/setup_intents", "customer", at, "usage", "off_session", "payment_method_types[]", "card")
	b.setUp(billing.Secret(si["client_secret"].(string)), good)
	pm := b.request(http.MethodGet, "/v1/setup_intents/"+si["id"].(string), nil)["payment_method"].(string)
	customer := billing.Customer{ID: billing.NewCustomerID(b.Now()), Reference: reference, StripeCustomer: at, TimeZone: "Europe/London", CreatedAt: b.Now(), UpdatedAt: b.Now(), Version: 1}
	if b.Account != "" { // there a card becomes known when it is given for a plan
		customer.StripeCustomer = ""
	}
	require.NoError(b.t, b.Store.Update(ctx, func(tx billing.Tx) error {
		if err := tx.InsertCustomer(ctx, customer); err != nil || b.Account == "" {
			return err
		}
		return tx.InsertCard(ctx, billing.Card{
			ID: billing.NewCardID(b.Now()), CustomerID: customer.ID, PaymentMethod: pm, StripeCustomer: at, Account: b.Account, Status: billing.CardActive,
			CreatedAt: b.Now(), UpdatedAt: b.Now(),
		})
	}))
	b.Settle() // payment_method.attached brings the card
	card, err := b.Store.CardByPaymentMethod(ctx, pm)
	require.NoError(b.t, err)
	return card
}

// ledgerOf formats a plan like kind.want.
func ledgerOf(d billing.Details) string {
	var out strings.Builder
	out.WriteString(string(d.Plan.Status))
	loc := billing.LoadLocation(d.Customer.TimeZone)
	for _, c := range d.Charges {
		fmt.Fprintf(&out, " | %d %s", c.Amount, c.Status)
		if c.Status.Paid() {
			out.WriteString(c.PaidAt.In(loc).Format(" 01-02"))
		}
	}
	return out.String()
}
