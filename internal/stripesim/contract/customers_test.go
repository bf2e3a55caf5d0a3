package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/planning"
)

// TestStrangersKnownCustomer saves the second card of a customer who exists at Stripe: the card is
// attached, and no new customer is created.
func TestStrangersKnownCustomer(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]habits{
		"as Stripe does":                     {},
		"setup_future_usage attaches nobody": {noAttachOnPay: true},
		"attach shows no customer":           {noAttachOnPay: true, attachShowsNobody: true, strictAttach: true},
		"a PaymentMethod has an id only":     {noAttachOnPay: true, bareMethod: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wall := newClock()
			stripe := newForeign(t, h, wall.Now)
			s := openShop(t, stripe, wall, stripe.arrived)
			first := s.planFor("order-1", "ada")
			stripe.pay(first.FirstPayment.ID, cardGood, false)
			s.settle()
			customer := s.details(first.Plan.ID).Customer.StripeCustomer
			require.NotEmpty(t, customer)
			second := s.planFor("order-2", "ada")
			stripe.pay(second.FirstPayment.ID, cardAuthOnce, false)
			s.live(40)
			require.Equal(t, []string(paid), s.statuses(first.Plan.ID))
			require.Equal(t, []string(paid), s.statuses(second.Plan.ID))
			require.Equal(t, customer, s.details(second.Plan.ID).Customer.StripeCustomer)
			s.sameMoney(stripe)
		})
	}
}

// TestStrangersDeletedCustomer saves a card although the Stripe customer was deleted, and no event
// reported it.
func TestStrangersDeletedCustomer(t *testing.T) {
	t.Parallel()
	wall := newClock()
	stripe := newForeign(t, habits{noAttachOnPay: true}, wall.Now)
	s := openShop(t, stripe, wall, stripe.arrived)
	first := s.planFor("order-1", "ada")
	stripe.pay(first.FirstPayment.ID, cardGood, false)
	s.settle()
	gone := s.details(first.Plan.ID).Customer.StripeCustomer
	second := s.planFor("order-2", "ada")
	stripe.pay(second.FirstPayment.ID, cardGood, false)
	stripe.forget(gone)
	s.live(40)
	require.Equal(t, []string(paid), s.statuses(second.Plan.ID))
	require.NotEqual(t, gone, s.details(second.Plan.ID).Customer.StripeCustomer)
}

// TestStrangersParameters requires that no plan is created at a server that refuses the parameters
// for saving the card, that the error reports it, and that nothing is left behind.
func TestStrangersParameters(t *testing.T) {
	t.Parallel()
	wall := newClock()
	stripe := newForeign(t, habits{unknownParams: true}, wall.Now)
	s := openShop(t, stripe, wall, stripe.arrived)
	_, err := s.planner.Create(t.Context(), planning.Request{Terms: twoParts("order-1", "ada")})
	require.ErrorContains(t, err, "Unexpected description, setup_future_usage")
	_, err = s.store.PlanByReference(t.Context(), "order-1")
	require.ErrorIs(t, err, billing.ErrNotFound)
}

// TestStrangersSetupLeftBehind retries the saved card on schedule after the customer was declined
// with another card on the recovery page. That leaves setup_future_usage on the PaymentIntent,
// which Stripe refuses off-session.
func TestStrangersSetupLeftBehind(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]habits{"it can be taken away": {}, "it can not": {setupStays: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wall := newClock()
			stripe := newForeign(t, h, wall.Now)
			s := openShop(t, stripe, wall, stripe.arrived)
			p := s.plan("order-1")
			stripe.pay(p.FirstPayment.ID, cardThenNoFunds, false)
			s.live(32)
			second := s.details(p.Plan.ID).Charges[1]
			require.Equal(t, billing.ChargeRetrying, second.Status)
			stripe.pay(second.PaymentIntent, cardNeverFunds, false)
			s.live(40)
			d := s.details(p.Plan.ID)
			require.Equal(t, billing.ChargeFailed, d.Charges[1].Status, d.Charges[1].Reason)
			outcomes := map[billing.Outcome]int{}
			for _, a := range d.Attempts[second.ID] {
				if a.Initiator == billing.InitiatorMerchant {
					outcomes[a.Outcome]++
				}
			}
			if h.setupStays {
				require.Contains(t, d.Charges[1].Reason, "setup_future_usage cannot be unset")
				require.Equal(t, map[billing.Outcome]int{billing.OutcomeDeclined: 1, billing.OutcomeError: 4}, outcomes)
			} else {
				// How often the policy tries within a month depends on the paydays in it; one request was
				// refused.
				require.Equal(t, 1, outcomes[billing.OutcomeError])
				require.GreaterOrEqual(t, outcomes[billing.OutcomeDeclined], 5)
				require.LessOrEqual(t, outcomes[billing.OutcomeDeclined], dunning.StripesMaxRetries)
				require.Len(t, outcomes, 2)
			}
			require.Equal(t, second.PaymentIntent, d.Charges[1].PaymentIntent, "one PaymentIntent for life")
			stripe.pay(second.PaymentIntent, cardGood, false)
			s.live(1)
			require.Equal(t, []string(paid), s.statuses(p.Plan.ID))
			s.sameMoney(stripe)
		})
	}
}
