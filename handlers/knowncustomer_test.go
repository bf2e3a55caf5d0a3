package handlers_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/store/storetest"
)

func TestCreatePlan_KnownCustomer(t *testing.T) {
	eachEngine(t, func(s *surface) {
		plan := func(reference, customer, more string) answer {
			return s.api(http.MethodPost, "/v1/plans", `{"reference": "`+reference+`", "kind": "installments", "currency": "usd", "total": 30000, "parts": 3, "every": "1 month",
				"customer": {"reference": "cust-2"`+customer+`}`+more+`}`)
		}
		of := func() string { return string(s.api(http.MethodGet, "/v1/customers/cust-2", "").body) }
		first := plan("a", `, "email": "bob@example.com", "timezone": "Europe/London"`, "")
		require.Equal(s.t, http.StatusCreated, first.status, string(first.body))

		hijack := plan("b", `, "email": "mallory@evil.example", "timezone": "Pacific/Auckland", "name": "Bob"`, "")
		require.Equal(s.t, http.StatusUnprocessableEntity, hijack.status)
		for _, part := range []string{`"customer.email"`, `"customer.timezone"`, "PATCH /v1/customers/", "update_customer"} {
			require.Contains(s.t, string(hijack.body), part)
		}
		require.NotContains(s.t, string(hijack.body), `"customer.name"`, "no name was known")
		require.NotContains(s.t, string(hijack.body), "bob@example.com", "the answer does not reveal the stored value")
		require.Contains(s.t, of(), "bob@example.com")

		require.Equal(s.t, http.StatusCreated, plan("c", "", "").status, "omitted fields stay")
		require.Equal(s.t, http.StatusCreated, plan("d", `, "email": "bob@example.com", "name": "Bob"`, "").status)
		require.Contains(s.t, of(), `"Bob"`)

		dueOf := func() string {
			p := s.api(http.MethodGet, "/v1/plans/"+string(first.plan(s.t).ID), "").plan(s.t)
			return p.Charges[1].DueAt.UTC().Format("15:04")
		}
		before := dueOf()
		moved := plan("e", `, "email": "new@example.com", "timezone": "Pacific/Auckland"`, `, "update_customer": true`)
		require.Equal(s.t, http.StatusCreated, moved.status, string(moved.body))
		require.Contains(s.t, of(), "new@example.com")
		require.NotEqual(s.t, before, dueOf(), "the charges of the other plans move")
		var audit string
		trail, err := s.store.AuditTrail(s.t.Context(), billing.AuditFilter{})
		require.NoError(s.t, err)
		for _, e := range trail {
			audit += e.Action + " "
		}
		require.Equal(s.t, 1, strings.Count(audit, "customer.updated"), "the same entry as for PATCH")

		late := plan("e", `, "email": "new@example.com", "timezone": "Pacific/Auckland"`, `, "update_customer": true`)
		require.Equal(s.t, http.StatusOK, late.status, "the same request again")
	})
}

// failing is a store whose given step of storing a plan fails.
type failing struct {
	billing.Store
	step string
}

// Update implements billing.Store.
func (f failing) Update(ctx context.Context, fn func(tx billing.Tx) error) error {
	return f.Store.Update(ctx, func(tx billing.Tx) error { return fn(failingTx{tx, f.step}) })
}

type failingTx struct {
	billing.Tx
	step string
}

var errStep = errors.New("this step fails")

// InsertPlan implements billing.Tx.
func (f failingTx) InsertPlan(ctx context.Context, p billing.Plan, charges []billing.Charge) error {
	if f.step == "plan" {
		return errStep
	}
	return f.Tx.InsertPlan(ctx, p, charges)
}

// InsertAudit implements billing.Tx.
func (f failingTx) InsertAudit(ctx context.Context, entries ...billing.AuditEntry) error {
	if f.step == entries[0].Action {
		return errStep
	}
	return f.Tx.InsertAudit(ctx, entries...)
}

// TestCreatePlan_UpdateCustomerIsOneTransaction: if any step of storing the plan fails, neither the
// plan nor the change of its customer is stored.
func TestCreatePlan_UpdateCustomerIsOneTransaction(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"plan", "plan.created", "customer.updated"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			storetest.EachEngine(t, func(t *testing.T, st billing.Store) {
				whole := newSurface(t, st)
				broken := newSurface(t, st, func(c *handlers.Config) {
					c.Planner = planning.New(planning.Config{Store: failing{st, step}, Now: time.Now, Rules: billing.Rules{}})
				})
				body := func(reference, email string) string {
					return `{"reference": "` + reference + `", "kind": "installments", "currency": "usd", "total": 30000, "parts": 3, "every": "1 month",
						"update_customer": true, "customer": {"reference": "cust-2", "email": "` + email + `"}}`
				}
				require.Equal(t, http.StatusCreated, whole.api(http.MethodPost, "/v1/plans", body("a", "bob@example.com")).status)
				require.Equal(t, http.StatusInternalServerError, broken.api(http.MethodPost, "/v1/plans", body("b", "new@example.com")).status)
				of := string(whole.api(http.MethodGet, "/v1/customers/cust-2", "").body)
				require.Contains(t, of, "bob@example.com", "no change without the plan")
				_, err := st.PlanByReference(t.Context(), "b")
				require.ErrorIs(t, err, billing.ErrNotFound, "no plan without the change")
				require.Equal(t, http.StatusCreated, whole.api(http.MethodPost, "/v1/plans", body("b", "new@example.com")).status)
				require.Contains(t, string(whole.api(http.MethodGet, "/v1/customers/cust-2", "").body), "new@example.com")
			})
		})
	}
}
