package testbench

import (
	"encoding/json"
	"slices"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// Terms returns the terms of a plan: 1000.03 in four months, unless change sets others; change may
// be nil.
func Terms(change func(t *terms.Terms)) terms.Terms {
	t := terms.Terms{
		Reference: "order-1", Kind: billing.KindInstallments, Currency: "usd", Total: 100003, Parts: 4, Every: "1 month",
		Customer: terms.Customer{Reference: "ada", Email: "ada@example.com", Name: "Ada", TimeZone: "Europe/London"},
	}
	if change != nil {
		change(&t)
	}
	return t
}

// Terms returns the terms of Terms, in the bench's account.
func (b *Bench) Terms(change func(t *terms.Terms)) terms.Terms {
	t := Terms(change)
	t.Account = b.Account
	return t
}

// Plan creates a plan on the terms of Terms.
func (b *Bench) Plan(change func(t *terms.Terms)) planning.Created {
	b.t.Helper()
	created, err := b.Planner.Create(b.AsMerchant(), planning.Request{Terms: b.Terms(change)})
	require.NoError(b.t, err)
	return created
}

// Pay pays a PaymentIntent as a customer in the browser does, and passes the bank's authentication
// if there is one.
func (b *Bench) Pay(secret billing.Secret, details stripesim.PaymentDetails) error {
	b.t.Helper()
	intent, err := b.Browser.ConfirmCardPayment(b.t.Context(), secret.Reveal(), details)
	if err == nil && intent.Status == "requires_action" {
		_, err = b.Browser.Authenticate(b.t.Context(), intent, true)
	}
	return err
}

// PayFirst pays the first payment of a plan with a test card.
func (b *Bench) PayFirst(p planning.Created, number string) error {
	b.t.Helper()
	return b.Pay(p.FirstPayment.ClientSecret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: number}, SetupFutureUsage: "off_session"})
}

// Started creates a plan, pays its first payment, and handles the event.
func (b *Bench) Started(number string, change func(t *terms.Terms)) planning.Created {
	b.t.Helper()
	p := b.Plan(change)
	require.NoError(b.t, b.PayFirst(p, number))
	b.Settle()
	return p
}

// Details reads a plan back.
func (b *Bench) Details(id billing.PlanID) billing.Details {
	b.t.Helper()
	d, err := billing.LoadDetails(b.t.Context(), b.Store, id)
	require.NoError(b.t, err)
	return d
}

// Charge reads one charge of a plan back, by its sequence.
func (b *Bench) Charge(id billing.PlanID, sequence int) billing.Charge {
	b.t.Helper()
	return b.Details(id).Charges[sequence-1]
}

// Notices lists the kinds of notices of a plan in the order they were written.
func (b *Bench) Notices(id billing.PlanID) []billing.NoticeKind {
	b.t.Helper()
	var kinds []billing.NoticeKind
	for n, err := range billing.EachNotice(b.t.Context(), b.Store, billing.NoticeFilter{Plan: id}) {
		require.NoError(b.t, err)
		kinds = append(kinds, n.Kind)
	}
	slices.Reverse(kinds) // they are listed newest first
	return kinds
}

// StripeCustomer returns the Stripe customer of a plan's customer, in the account that plans are
// in.
func (b *Bench) StripeCustomer(id billing.PlanID) string {
	b.t.Helper()
	d := b.Details(id)
	cards, err := b.Store.Cards(b.t.Context(), d.Customer.ID)
	require.NoError(b.t, err)
	return d.Customer.StripeCustomerIn(b.Account, cards)
}

// Intent holds the fields of a PaymentIntent at the simulator that tests read.
type Intent struct {
	ID             string            `json:"id"`
	Status         string            `json:"status"`
	AmountReceived int64             `json:"amount_received"`
	Metadata       map[string]string `json:"metadata"`
}

// Intents lists the simulator's PaymentIntents.
func (b *Bench) Intents() []Intent {
	b.t.Helper()
	var all []Intent
	for _, raw := range b.Sim.PaymentIntents() {
		var pi Intent
		require.NoError(b.t, json.Unmarshal(raw, &pi))
		all = append(all, pi)
	}
	return all
}

// Succeeded counts the PaymentIntents that took money, and adds up their amounts.
func (b *Bench) Succeeded() (count int, sum int64) {
	b.t.Helper()
	for _, pi := range b.Intents() {
		if pi.Status == "succeeded" {
			count++
			sum += pi.AmountReceived
		}
	}
	return count, sum
}
