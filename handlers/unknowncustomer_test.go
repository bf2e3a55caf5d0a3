package handlers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/store/storetest"
)

// neverWas names a Stripe customer that never existed, as a wrong import does.
const neverWas = "cus_neverWas"

// stored is a customer with one card, who is a Stripe customer in an account.
type stored struct {
	s       *surface
	account string
	billing.Customer
	card billing.Card
}

// stripe calls the simulator as the merchant's own server does, in the account of the customer.
func (c *stored) stripe(method, path string, fields ...string) map[string]any {
	c.s.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	req := httptest.NewRequestWithContext(c.s.t.Context(), method, path, strings.NewReader(form.Encode()))
	req.Header = http.Header{"Authorization": {"Bearer sk_test_surface"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	if c.account != "" {
		req.Header.Set("Stripe-Account", c.account)
	}
	w := httptest.NewRecorder()
	c.s.sim.ServeHTTP(w, req)
	var out map[string]any
	require.NoError(c.s.t, json.Unmarshal(w.Body.Bytes(), &out))
	require.Equal(c.s.t, http.StatusOK, w.Code, out)
	return out
}

// newCard makes a customer with a card at Stripe.
func (c *stored) newCard() (card, customer string) {
	c.s.t.Helper()
	card = c.stripe(http.MethodPost, "/v1/payment_methods", "type", "card", "card[number]", "4242424242424242", "card[exp_month]", "12", "card[exp_year]", "2044", "card[cvc]", "123")["id"].(string)
	return card, c.stripe(http.MethodPost, "/v1/customers", "payment_method", card)["id"].(string)
}

// storedCustomer stores a customer and a card. Stripe has the card. at is the Stripe customer that
// is stored; empty stands for the card's own.
func (s *surface) storedCustomer(account, at string) *stored {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now().UTC().Truncate(time.Millisecond)
	if account != "" {
		s.sim.Connect(account)
	}
	c := &stored{s: s, account: account}
	pm, own := c.newCard()
	if at == "" {
		at = own
	}
	c.Customer = billing.Customer{ID: billing.NewCustomerID(now), Reference: "cust-2", Email: "bob@example.com", CreatedAt: now, UpdatedAt: now}
	if account == "" {
		c.StripeCustomer = at
	}
	c.card = billing.Card{
		ID: billing.NewCardID(now), CustomerID: c.ID, PaymentMethod: pm, StripeCustomer: at, Brand: "visa", Last4: "4242", ExpMonth: 12, ExpYear: 2044,
		Status: billing.CardActive, Account: account, CreatedAt: now, UpdatedAt: now,
	}
	require.NoError(s.t, s.store.Update(ctx, func(tx billing.Tx) error {
		if err := tx.InsertCustomer(ctx, c.Customer); err != nil {
			return err
		}
		return tx.InsertCard(ctx, c.card)
	}))
	return c
}

// post asks for a plan of the customer's. more is added to the terms, and of to their customer.
func (c *stored) post(reference, more, of string) answer {
	c.s.t.Helper()
	if c.account != "" {
		more += `, "account": "` + c.account + `"`
	}
	return c.s.api(http.MethodPost, "/v1/plans", `{"reference": "`+reference+`", "kind": "installments", "currency": "usd", "total": 30000, "parts": 3, "every": "1 month",
		"customer": {"reference": "cust-2"`+of+`}`+more+`}`)
}

// now returns the customer and the card as they are stored.
func (c *stored) now() (billing.Customer, billing.Card) {
	c.s.t.Helper()
	customer, err := c.s.store.Customer(c.s.t.Context(), c.ID)
	require.NoError(c.s.t, err)
	card, err := c.s.store.Card(c.s.t.Context(), c.card.ID)
	require.NoError(c.s.t, err)
	return customer, card
}

// requireLeft wants the customer to have left the Stripe customer, which the record names once.
func (c *stored) requireLeft(gone string) {
	c.s.t.Helper()
	customer, card := c.now()
	require.NotEqual(c.s.t, gone, customer.StripeCustomerIn(c.account, []billing.Card{card}))
	require.Equal(c.s.t, billing.CardDetached, card.Status)
	trail, err := c.s.store.AuditTrail(c.s.t.Context(), billing.AuditFilter{})
	require.NoError(c.s.t, err)
	noted := 0
	for _, e := range trail {
		require.NotEqual(c.s.t, "plan.discarded", e.Action)
		if e.Action == "customer.stripe_customer_gone" && e.Message == "Stripe has no customer "+gone {
			noted++
		}
	}
	require.Equal(c.s.t, 1, noted)
}

// startsLater are terms of a plan without a first payment.
func startsLater() string {
	return `, "starts": "` + time.Now().AddDate(0, 2, 0).Format(time.DateOnly) + `"`
}

// eachUnknown runs a test with a customer whose Stripe customer was deleted at Stripe, and with one
// whose Stripe customer never was, in the platform's own account and in a connected one.
func eachUnknown(t *testing.T, test func(c *stored, gone string)) {
	t.Helper()
	t.Parallel()
	for _, account := range []string{"", "acct_1Villa"} {
		for _, at := range []string{"", neverWas} {
			name := map[string]string{"": "deleted", neverWas: "never was"}[at] + " " + account
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				storetest.EachEngine(t, func(t *testing.T, st billing.Store) {
					c := newSurface(t, st).storedCustomer(account, at)
					if at == "" {
						c.stripe(http.MethodDelete, "/v1/customers/"+c.card.StripeCustomer)
					}
					test(c, c.card.StripeCustomer)
				})
			})
		}
	}
}

// TestCreatePlan_UnknownStripeCustomer: the first request makes the plan, and what the customer
// confirms names no Stripe customer, so that the card makes a new one.
func TestCreatePlan_UnknownStripeCustomer(t *testing.T) {
	eachUnknown(t, func(c *stored, gone string) {
		paid := c.post("a", "", "")
		require.Equal(c.s.t, http.StatusCreated, paid.status, string(paid.body))
		pi := paid.plan(c.s.t).FirstPayment
		require.NotEmpty(c.s.t, pi.ClientSecret)
		require.Nil(c.s.t, c.stripe(http.MethodGet, "/v1/payment_intents/"+pi.PaymentIntent)["customer"])
		c.requireLeft(gone)
		again := c.post("a", "", "")
		require.Equal(c.s.t, http.StatusOK, again.status)
		require.Equal(c.s.t, paid.plan(c.s.t).ID, again.plan(c.s.t).ID)
		require.Equal(c.s.t, pi, again.plan(c.s.t).FirstPayment)
	})
}

// TestCreatePlan_UnknownStripeCustomerSetup: the same for a plan whose customer gives a card first.
func TestCreatePlan_UnknownStripeCustomerSetup(t *testing.T) {
	eachUnknown(t, func(c *stored, gone string) {
		made := c.post("a", startsLater(), "")
		require.Equal(c.s.t, http.StatusCreated, made.status, string(made.body))
		si := made.plan(c.s.t).Setup
		require.NotEmpty(c.s.t, si.ClientSecret)
		require.Nil(c.s.t, c.stripe(http.MethodGet, "/v1/setup_intents/"+si.SetupIntent)["customer"])
		c.requireLeft(gone)
		again := c.post("a", startsLater(), "")
		require.Equal(c.s.t, http.StatusOK, again.status)
		require.Equal(c.s.t, si, again.plan(c.s.t).Setup)
	})
}

// TestCreatePlan_DeletedAfterCanceledSetup: the plan stays, and gets another SetupIntent.
func TestCreatePlan_DeletedAfterCanceledSetup(t *testing.T) {
	for _, account := range []string{"", "acct_1Villa"} {
		t.Run(account, func(t *testing.T) {
			eachEngine(t, func(s *surface) {
				c := s.storedCustomer(account, "")
				named := `, "stripe_customer": "` + c.card.StripeCustomer + `"`
				made := c.post("a", startsLater(), named)
				require.Equal(s.t, http.StatusCreated, made.status, string(made.body))
				first := made.plan(s.t).Setup.SetupIntent
				require.Equal(s.t, c.card.StripeCustomer, c.stripe(http.MethodGet, "/v1/setup_intents/"+first)["customer"])
				c.stripe(http.MethodPost, "/v1/setup_intents/"+first+"/cancel")
				c.stripe(http.MethodDelete, "/v1/customers/"+c.card.StripeCustomer)

				again := c.post("a", startsLater(), named)
				require.Equal(s.t, http.StatusOK, again.status, string(again.body))
				require.Equal(s.t, made.plan(s.t).ID, again.plan(s.t).ID)
				require.NotEqual(s.t, first, again.plan(s.t).Setup.SetupIntent)
				c.requireLeft(c.card.StripeCustomer)
			})
		})
	}
}

// TestCreatePlan_AnotherStripeCustomer takes the Stripe customer, or the card, that the merchant
// names, if Stripe does not have the one that is stored; otherwise it is refused.
func TestCreatePlan_AnotherStripeCustomer(t *testing.T) {
	eachUnknown(t, func(c *stored, gone string) {
		card, named := c.newCard()
		made := c.post("a", "", `, "stripe_customer": "`+named+`"`)
		require.Equal(c.s.t, http.StatusCreated, made.status, string(made.body))
		pi := made.plan(c.s.t).FirstPayment.PaymentIntent
		require.Equal(c.s.t, named, c.stripe(http.MethodGet, "/v1/payment_intents/"+pi)["customer"])
		c.requireLeft(gone)

		made = c.post("b", `, "card": "`+card+`"`, "")
		require.Equal(c.s.t, http.StatusCreated, made.status, string(made.body))
		other, third := c.newCard()
		for name, refused := range map[string]answer{"customer": c.post("c", "", `, "stripe_customer": "`+third+`"`), "card": c.post("d", `, "card": "`+other+`"`, "")} {
			require.Equal(c.s.t, http.StatusUnprocessableEntity, refused.status, name)
			require.Contains(c.s.t, string(refused.body), named)
		}
	})
}

func TestCreatePlan_CardOfAnotherStripeCustomer(t *testing.T) {
	eachUnknown(t, func(c *stored, gone string) {
		card, own := c.newCard()
		made := c.post("a", `, "card": "`+card+`"`, "")
		require.Equal(c.s.t, http.StatusCreated, made.status, string(made.body))
		c.requireLeft(gone)
		cards, err := c.s.store.Cards(c.s.t.Context(), c.ID)
		require.NoError(c.s.t, err)
		customer, _ := c.now()
		require.Equal(c.s.t, own, customer.StripeCustomerIn(c.account, cards))
	})
}

// TestCreatePlan_NamesMissingStripeCustomer is the merchant's mistake, even if it is stored.
func TestCreatePlan_NamesMissingStripeCustomer(t *testing.T) {
	eachUnknown(t, func(c *stored, gone string) {
		for range 2 {
			refused := c.post("a", "", `, "stripe_customer": "`+gone+`"`)
			require.Equal(c.s.t, http.StatusUnprocessableEntity, refused.status, string(refused.body))
			require.Equal(c.s.t, []billing.FieldError{{Field: "customer.stripe_customer", Message: "Stripe has no customer " + gone}}, refused.problem(c.s.t).Errors)
			_, err := c.s.store.PlanByReference(c.s.t.Context(), "a")
			require.ErrorIs(c.s.t, err, billing.ErrNotFound)
		}
		require.Equal(c.s.t, http.StatusCreated, c.post("a", "", "").status)
	})
}

// TestCreatePlan_UnknownCustomerAndCard may be a key of another account: nothing is stored or
// changed unless Stripe names the account as the database's.
func TestCreatePlan_UnknownCustomerAndCard(t *testing.T) {
	t.Parallel()
	for _, more := range []string{"", startsLater()} {
		storetest.EachEngine(t, func(t *testing.T, st billing.Store) {
			confirmed := false
			s := newSurface(t, st, func(c *handlers.Config) { c.Planner.OwnAccount = func(context.Context) bool { return confirmed } })
			c := s.storedCustomer("", neverWas)
			c.card.PaymentMethod = "pm_neverWas"
			require.NoError(t, st.Update(t.Context(), func(tx billing.Tx) error { return tx.UpdateCard(t.Context(), c.card) }))
			refused := c.post("a", more, "")
			require.Equal(t, http.StatusServiceUnavailable, refused.status)
			require.Contains(t, refused.problem(t).Detail, "neither the customer nor the customer's card")
			customer, card := c.now()
			require.Equal(t, neverWas, customer.StripeCustomer)
			require.Equal(t, billing.CardActive, card.Status)
			_, err := st.PlanByReference(t.Context(), "a")
			require.ErrorIs(t, err, billing.ErrNotFound)

			confirmed = true
			made := c.post("a", more, "")
			require.Equal(t, http.StatusCreated, made.status, string(made.body))
		})
	}
}
