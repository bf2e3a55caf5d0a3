package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

// daysASecond is the speed of the clock in these tests.
const daysASecond = 6 * 24 * 60 * 60

// settleTime is the time limit for the expected results.
const settleTime = 60 * time.Second

// checkout is one customer of TestProcesses: the card, the plan, and the actions of the merchant's
// server and the customer.
type checkout struct {
	card    string
	request string // POST /v1/plans, DUE is three weeks ahead; empty: the merchant pays itself
	newCard string // the card that the customer uses when the saved card is declined a second time
}

// TestProcesses runs steps two to seven of Stripe's guide, for its five cards, against one process
// for each role on PostgreSQL and Redis, and the simulator.
func TestProcesses(t *testing.T) {
	t.Parallel()
	r := newRig(t, daysASecond, "DATABASE_URL="+testenv.Postgres(t), "REDIS_URL="+testenv.Redis(t))
	var roles []*process
	for _, role := range []string{"ingress", "worker", "scheduler"} {
		p, err := r.serve(t.Context(), role)
		require.NoError(t, err)
		roles = append(roles, p)
	}
	requireSplit(t, r, roles)

	t.Run("customers", func(t *testing.T) {
		for name, c := range map[string]checkout{
			"succeeds":             {card: "4242424242424242", request: installments("succeeds", "gbp", 100003, 4, "1 week")},
			"merchants-own-intent": {card: "4242424242424242"},
			"authenticates-once": {card: "4000002500003155", request: `{"reference": "authenticates-once", "kind": "deposit",
				"currency": "eur", "total": 250000, "deposit": 50000, "balance_due": "DUE", "customer": ` + customerOf("authenticates-once") + `}`},
			"authenticates-always": {card: "4000002760003184", request: installments("authenticates-always", "usd", 90001, 3, "1 week")},
			"runs-out-of-funds":    {card: "4000008260003178", newCard: "4242424242424242", request: installments("runs-out-of-funds", "eur", 59999, 3, "2 months")},
			"never-has-funds":      {card: "4000000000009995", request: installments("never-has-funds", "usd", 12000, 3, "1 week")},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c.run(t, r, name)
			})
		}
	})

	require.Zero(t, requireLedgerAgrees(t, r, 6, "kept"))
	for _, p := range roles {
		p.stop(t)
	}
	r.requireNoSecrets(t)
}

// requireSplit requires each process to answer the requests of its role and no others, and to
// refuse requests without a key or with a wrong signature.
func requireSplit(t *testing.T, r *rig, roles []*process) {
	t.Helper()
	key := http.Header{"Authorization": {"Bearer " + rigAPIKey}}
	for i, p := range roles {
		get := func(path string, header http.Header) int {
			status, _, err := r.send(t.Context(), http.MethodGet, "http://"+p.addr+path, header, "")
			require.NoError(t, err)
			return status
		}
		require.Equal(t, http.StatusOK, get("/healthz", nil))
		require.Equal(t, http.StatusNotFound, get("/metrics", key), p.name)
		status, page, err := r.send(t.Context(), http.MethodGet, "http://"+p.admin+"/metrics", nil, "")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, p.name)
		require.Contains(t, string(page), "tranche_alarms", p.name)
		require.NoError(t, eventually(t.Context(), startPatience, func() error {
			if status := get("/readyz", nil); status != http.StatusOK {
				return fmt.Errorf("%s: /readyz answers %d", p.name, status)
			}
			return nil
		}))
		want := http.StatusNotFound
		if i == 0 {
			want = http.StatusOK
			require.Equal(t, http.StatusUnauthorized, get("/v1/plans", nil))
			require.Equal(t, http.StatusNotFound, get("/v1/plans/plan_of_nobody", key))
		}
		require.Equal(t, want, get("/v1/plans", key), p.name)
	}
	forged := http.Header{"Stripe-Signature": {fmt.Sprintf("t=%d,v1=%064d", time.Now().Unix(), 0)}}
	status, _, err := r.send(t.Context(), http.MethodPost, r.gate.URL+"/webhooks/stripe", forged, `{"id": "evt_1"}`)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, status)
	status, answer, err := r.send(t.Context(), http.MethodPost, r.gate.URL+"/v1/plans", key, installments("wrong", "usd", 100, 1, "1 week"))
	require.NoError(t, err)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, string(answer), `"field":"parts"`)
}

// run performs all steps of one plan.
func (c checkout) run(t *testing.T, r *rig, reference string) {
	ctx := t.Context()
	secret := c.begin(t, r, reference)
	err := r.pay(ctx, secret, stripesim.PaymentDetails{Card: &stripesim.Card{Number: c.card}, SetupFutureUsage: "off_session"})
	if c.card[12:] == "9995" {
		var refused *stripesim.APIError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "insufficient_funds", refused.DeclineCode)
		c.finish(t, r, reference, func(p ledgerPlan) bool {
			return len(p.Charges[0].Attempts) == 1 && p.Charges[0].Attempts[0].Outcome == "declined"
		})
		return
	}
	require.NoError(t, err)
	p := c.wait(t, r, reference, func(p ledgerPlan) bool { return p.Status == "active" })
	requireCardSaved(t, r, p.Customer.StripeCustomer, c.card[12:])

	read := map[string]bool{}
	declines := map[string]int{}
	c.finish(t, r, reference, func(p ledgerPlan) bool {
		notices, err := r.notices(ctx, url.Values{"plan": {p.ID}})
		require.NoError(t, err)
		for _, n := range notices {
			if read[n.ID] || n.Status != "kept" {
				continue
			}
			read[n.ID] = true
			if n.Kind == "payment_failed" {
				declines[n.Charge]++
			}
			if n.Kind == "action_required" || n.Kind == "payment_failed" && declines[n.Charge] == 2 {
				c.comeBack(t, r, n)
			}
		}
		return p.Status == "completed"
	})
}

// begin creates the plan, or a PaymentIntent that requests one, and returns the client secret for
// the checkout.
func (c checkout) begin(t *testing.T, r *rig, reference string) string {
	t.Helper()
	if c.request == "" {
		secret, err := r.ownIntent(t.Context(), reference, 2500, 10001, 4, "1 week")
		require.NoError(t, err)
		return secret
	}
	request := strings.Replace(c.request, "DUE", r.clock.Now().AddDate(0, 0, 21).Format(time.DateOnly), 1)
	var made, again ledgerPlan
	require.NoError(t, r.tranche(t.Context(), http.MethodPost, "/v1/plans", request, reference, &made))
	require.NoError(t, r.tranche(t.Context(), http.MethodPost, "/v1/plans", request, reference, &again))
	require.Equal(t, made, again, "the same request is the same plan")
	return made.First.ClientSecret
}

// wait reads the plan until it meets a condition.
func (c checkout) wait(t *testing.T, r *rig, reference string, done func(p ledgerPlan) bool) ledgerPlan {
	t.Helper()
	var list struct{ Data []ledgerPlan }
	require.NoError(t, eventually(t.Context(), settleTime, func() error {
		if err := r.tranche(t.Context(), http.MethodGet, "/v1/plans?reference="+reference, "", "", &list); err != nil {
			return err
		}
		if len(list.Data) == 0 {
			return errors.New("there is no such plan")
		}
		if !done(list.Data[0]) {
			return fmt.Errorf("not yet: %+v", list.Data[0])
		}
		return nil
	}))
	require.Len(t, list.Data, 1)
	return list.Data[0]
}

// finish waits for the end of the plan, and requires the guide's result for the card.
func (c checkout) finish(t *testing.T, r *rig, reference string, done func(p ledgerPlan) bool) {
	t.Helper()
	guide[c.card[12:]](t, c.wait(t, r, reference, done))
}

// requireCardSaved lists the customer's cards, as in the guide's sixth step.
func requireCardSaved(t *testing.T, r *rig, customer, last4 string) {
	t.Helper()
	var cards struct {
		Data []struct{ Card struct{ Last4 string } }
	}
	require.NotEmpty(t, customer)
	require.NoError(t, r.stripe(t.Context(), http.MethodGet, "/v1/payment_methods?type=card&customer="+customer, nil, &cards))
	require.Len(t, cards.Data, 1)
	require.Equal(t, last4, cards.Data[0].Card.Last4)
}

// linkInNotice matches the PaymentIntent in the link to the shop.
var linkInNotice = regexp.MustCompile(`https://shop\.example/pay\?intent=(pi_\w+)`)

// comeBack is the guide's seventh step: the customer follows the link in a notice. The shop's page
// fetches the PaymentIntent and lets the customer authenticate the same card, or pay with another,
// on that PaymentIntent.
func (c checkout) comeBack(t *testing.T, r *rig, n ledgerNotice) {
	t.Helper()
	link := linkInNotice.FindStringSubmatch(n.Body)
	require.NotNil(t, link, n.Body)
	require.NotContains(t, n.Body, "_secret_")
	var pi stripeIntent
	require.NoError(t, r.stripe(t.Context(), http.MethodGet, "/v1/payment_intents/"+link[1], nil, &pi))
	require.NotNil(t, pi.LastError, "%+v", pi)
	details := stripesim.PaymentDetails{PaymentMethod: pi.LastError.PaymentMethod.ID}
	if pi.LastError.Code != "authentication_required" {
		details = stripesim.PaymentDetails{Card: &stripesim.Card{Number: c.newCard}, SetupFutureUsage: "off_session"}
	}
	require.NoError(t, r.pay(t.Context(), pi.ClientSecret, details))
}

// requireLedgerAgrees compares Tranche's ledger, read over HTTP, with the simulator's record. It
// returns the result of recount.
func requireLedgerAgrees(t *testing.T, r *rig, plans int, noticeStatus string) (forgotten int) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, eventually(ctx, settleTime, func() error { // a delivery to a process that was killed is tried again later
		return r.call(ctx, http.MethodPost, r.sim+"/_sim/drain", http.Header{}, "", &struct{}{})
	}))
	require.NoError(t, eventually(ctx, settleTime, func() error {
		pending, err := r.notices(ctx, url.Values{"status": {"pending"}})
		if err == nil && len(pending) > 0 {
			err = fmt.Errorf("%d notices are pending", len(pending))
		}
		return err
	}))
	ledger, err := r.plans(ctx)
	require.NoError(t, err)
	require.Len(t, ledger, plans)
	state, err := r.state(ctx)
	require.NoError(t, err)
	forgotten = recount(t, ledger, state.PaymentIntents)
	notices, err := r.notices(ctx, url.Values{})
	require.NoError(t, err)
	countNotices(t, ledger, notices, noticeStatus)

	taken, declined := map[string]int{}, 0
	for _, charge := range state.Charges {
		if charge.Status == "succeeded" {
			taken[charge.PaymentIntent]++
			require.Equal(t, 1, taken[charge.PaymentIntent], "%s took money twice", charge.PaymentIntent)
		} else {
			declined++
		}
	}
	for _, p := range ledger {
		for _, c := range p.Charges {
			for _, a := range c.Attempts {
				if a.Outcome == "declined" {
					declined--
				}
			}
		}
	}
	require.Zero(t, declined, "the declines that Stripe saw and those in the ledger")
	for _, e := range state.Events {
		require.Zero(t, e.Pending, "%s was not delivered", e.Type)
	}
	return forgotten
}
