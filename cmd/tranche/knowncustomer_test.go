package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripekey"
)

// customerWay is a way to send data of a known customer with a new plan. Update is nil if that way
// can't change the customer.
type customerWay struct {
	give, update func(w *keyWorld, reference, field, value string) error
	actor        billing.ActorKind
}

// customerWays lists all ways.
var customerWays = map[string]customerWay{
	"flags": {
		give: func(w *keyWorld, reference, field, value string) error { return w.planByFlags(reference, field, value) },
		update: func(w *keyWorld, reference, field, value string) error {
			return w.planByFlags(reference, field, value, "--update-customer")
		},
		actor: billing.ActorCommand,
	},
	"file": {
		give: func(w *keyWorld, reference, field, value string) error { return w.planByFile(reference, field, value) },
		update: func(w *keyWorld, reference, field, value string) error {
			return w.planByFile(reference, field, value, "--update-customer")
		},
		actor: billing.ActorCommand,
	},
	"API": {
		give: func(w *keyWorld, reference, field, value string) error {
			_, err := w.post("/v1/plans", adasPlan(reference, field, value, ""))
			return err
		},
		update: func(w *keyWorld, reference, field, value string) error {
			_, err := w.post("/v1/plans", adasPlan(reference, field, value, `, "update_customer": true`))
			return err
		},
		actor: billing.ActorKey,
	},
	"import": {
		give: func(w *keyWorld, reference, field, value string) error {
			file := filepath.Join(w.shop, "plans.csv")
			require.NoError(w.t, os.WriteFile(file, []byte("reference,kind,currency,charges,customer,"+field+",stripe_customer,card,card_brand,card_last4,card_exp\n"+
				reference+",deferred,usd,10000 "+nextYear()+",ada,"+value+",cus_ada,pm_ada,visa,4242,01/2099\n"), 0o600))
			_, err := w.command("plan", "import", file, "--yes")
			return err
		},
	},
}

// adasPlan returns the terms of a plan of the customer ada, with one field of the customer.
func adasPlan(reference, field, value, more string) string {
	return fmt.Sprintf(`{"reference": %q, "kind": "deferred", "currency": "usd", "total": 5000, "due": %q, "customer": {"reference": "ada", %q: %q}%s}`,
		reference, nextYear(), field, value, more)
}

func (w *keyWorld) planByFlags(reference, field, value string, more ...string) error {
	_, err := w.command(append([]string{
		"plan", "create", "--reference", reference, "--kind", "deferred", "--currency", "usd", "--total", "5000", "--due", nextYear(), "--customer", "ada", "--" + field, value,
	}, more...)...)
	return err
}

func (w *keyWorld) planByFile(reference, field, value string, more ...string) error {
	file := filepath.Join(w.shop, "plan.json")
	require.NoError(w.t, os.WriteFile(file, []byte(adasPlan(reference, field, value, "")), 0o600))
	_, err := w.command(append([]string{"plan", "create", "--file", file}, more...)...)
	return err
}

// customerField returns a field by its name in the API.
func customerField(c billing.Customer, name string) string {
	return map[string]string{"email": c.Email, "name": c.Name, "locale": c.Locale, "timezone": c.TimeZone}[name]
}

// TestKnownCustomer_OtherData sends another value of each field of a known customer in every way.
// The request is refused with the name of the field, unless it asks for the change.
func TestKnownCustomer_OtherData(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		w := newKeyWorld(t, url, stripekey.Scopes())
		_, err := w.post("/v1/plans", `{"reference": "first", "kind": "deferred", "currency": "usd", "total": 5000, "due": "`+nextYear()+`",
			"customer": {"reference": "ada", "email": "ada@example.com", "name": "Ada", "locale": "en-GB", "timezone": "Europe/London"}}`)
		require.NoError(t, err)
		for name, way := range customerWays {
			for field, values := range map[string][]string{
				"email": {"a@example.com", "b@example.com"}, "name": {"Eve", "Ida"}, "locale": {"de-DE", "en-US"}, "timezone": {"Europe/Berlin", "Asia/Tokyo"},
			} {
				w.requireRule(name+" "+field, way, field, values)
			}
		}
	})
}

// requireRule sends the one of two values that is not stored, and checks the rule.
func (w *keyWorld) requireRule(what string, way customerWay, field string, values []string) {
	w.t.Helper()
	stored := w.ada()
	value := values[0]
	if customerField(stored, field) == value {
		value = values[1]
	}
	reference := "plan by " + what
	err := way.give(w, reference, field, value)
	require.ErrorContains(w.t, err, "customer."+field, what)
	require.ErrorContains(w.t, err, "differs from the stored data of customer ada", what)
	_, err = w.app.Store().PlanByReference(w.t.Context(), reference)
	require.ErrorIs(w.t, err, billing.ErrNotFound, what)
	require.Equal(w.t, stored, w.ada(), what)
	if way.update == nil {
		return
	}
	entries := len(w.updates())
	require.NoError(w.t, way.update(w, reference, field, value), what)
	require.Equal(w.t, value, customerField(w.ada(), field), what)
	updates := w.updates()
	require.Len(w.t, updates, entries+1, what)
	require.True(w.t, strings.HasPrefix(string(updates[0].Actor), string(way.actor)+":"), "%s: %s", what, updates[0].Actor)
}

func (w *keyWorld) ada() billing.Customer {
	w.t.Helper()
	c, err := w.app.Store().CustomerByReference(w.t.Context(), "ada")
	require.NoError(w.t, err)
	return c
}

// updates returns the audit entries of changes of customers, newest first.
func (w *keyWorld) updates() (updates []billing.AuditEntry) {
	w.t.Helper()
	trail, err := w.app.Store().AuditTrail(w.t.Context(), billing.AuditFilter{NewestFirst: true})
	require.NoError(w.t, err)
	for _, e := range trail {
		if e.Action == "customer.updated" {
			updates = append(updates, e)
		}
	}
	return updates
}
