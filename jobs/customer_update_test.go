package jobs_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/cards"
	"tranche/internal/operator"
	"tranche/internal/planning"
)

// contact is a Stripe customer's e-mail address and name; empty if Stripe has none.
func (b *bench) contact(stripeCustomer string) []string {
	b.t.Helper()
	at := b.request(http.MethodGet, "/v1/customers/"+stripeCustomer, nil)
	email, _ := at["email"].(string)
	name, _ := at["name"].(string)
	return []string{email, name}
}

func (b *bench) changeContact(customer billing.CustomerID, email, name string) {
	b.t.Helper()
	_, err := b.Operator().ChangeCustomer(b.t.Context(), customer, operator.CustomerChange{Email: &email, Name: &name})
	require.NoError(b.t, err)
}

// updateCustomers runs the job that writes changes to Stripe's customers.
func (b *bench) updateCustomers(g billing.Gateway) (int, error) {
	return cards.CustomerUpdater{Store: b.Store, Gateway: g}.Run(b.t.Context(), b.Now())
}

// unwilling is a Stripe that does not change customers.
type unwilling struct {
	billing.Gateway
	err error
}

func (u unwilling) UpdateCustomer(context.Context, string, string, billing.CustomerParams) error {
	return u.err
}

// TestCustomerUpdate_ReachesStripe retries a change until Stripe has it, and sends it once.
func TestCustomerUpdate_ReachesStripe(t *testing.T) {
	test := func(b *bench) {
		p := b.Started(good, nil)
		customer, at := p.Customer.ID, b.StripeCustomer(p.Plan.ID)
		require.Equal(b.t, []string{"ada@example.com", "Ada"}, b.contact(at))
		b.changeContact(customer, "ada@lovelace.example", "Ada L")

		away := unwilling{err: &billing.GatewayError{Kind: billing.GatewayUnknown}}
		_, err := b.updateCustomers(away)
		require.ErrorIs(b.t, err, away.err)
		n, err := b.updateCustomers(b.Gateway)
		require.NoError(b.t, err)
		require.Zero(b.t, n, "it is not its time yet")
		b.SetNow(b.Now().Add(5 * time.Minute))
		refusing := unwilling{err: &billing.GatewayError{Kind: billing.GatewayRejected, Failure: billing.Failure{Message: "no such permission"}}}
		n, err = b.updateCustomers(refusing)
		require.NoError(b.t, err)
		require.Zero(b.t, n)
		require.Equal(b.t, []string{"ada@example.com", "Ada"}, b.contact(at))

		b.SetNow(b.Now().Add(24 * time.Hour))
		n, err = b.updateCustomers(b.Gateway)
		require.NoError(b.t, err)
		require.Equal(b.t, 1, n)
		require.Equal(b.t, []string{"ada@lovelace.example", "Ada L"}, b.contact(at))
		b.SetNow(b.Now().Add(24 * time.Hour))
		n, err = b.updateCustomers(unwilling{err: context.Canceled})
		require.NoError(b.t, err)
		require.Zero(b.t, n, "nothing is left to do")

		// An empty name removes Stripe's.
		b.changeContact(customer, "third@example.com", "Ada L")
		_, err = b.updateCustomers(b.Gateway)
		require.NoError(b.t, err)
		require.Equal(b.t, "third@example.com", b.contact(at)[0])
		b.changeContact(customer, "third@example.com", "")
		_, err = b.updateCustomers(b.Gateway)
		require.NoError(b.t, err)
		require.Equal(b.t, []string{"third@example.com", ""}, b.contact(at))
	}
	t.Run("own account", func(t *testing.T) { eachEngine(t, test) })
	t.Run("connected account", func(t *testing.T) { onConnected(t, test) })
}

// TestCustomerUpdate_OtherChanges: changes of data that Stripe does not hold are not sent.
func TestCustomerUpdate_OtherChanges(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		zone := "Asia/Tokyo"
		_, err := b.Operator().ChangeCustomer(b.t.Context(), p.Customer.ID, operator.CustomerChange{TimeZone: &zone})
		require.NoError(b.t, err)
		n, err := b.updateCustomers(unwilling{err: context.Canceled})
		require.NoError(b.t, err)
		require.Zero(b.t, n)
	})
}

// TestCustomerUpdate_FromTermsReachesStripe: customer data that a new plan changes is also written
// to Stripe's customer.
func TestCustomerUpdate_FromTermsReachesStripe(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		at := b.StripeCustomer(p.Plan.ID)
		terms := b.Terms(nil)
		terms.Reference, terms.Customer.Email, terms.Customer.Name = "order-2", "ada@lovelace.example", "Ada L"
		_, err := b.Planner.Create(b.AsMerchant(), planning.Request{Terms: terms, UpdateCustomer: true})
		require.NoError(b.t, err)
		_, err = b.updateCustomers(b.Gateway)
		require.NoError(b.t, err)
		require.Equal(b.t, []string{"ada@lovelace.example", "Ada L"}, b.contact(at))
	})
}
