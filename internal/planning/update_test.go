package planning_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/operator"
	"tranche/internal/planning"
	"tranche/internal/terms"
)

// meanwhile is a store that lets another process act before the first transaction.
type meanwhile struct {
	billing.Store
	once *sync.Once
	act  func()
}

// Update implements billing.Store.
func (m meanwhile) Update(ctx context.Context, fn func(tx billing.Tx) error) error {
	m.once.Do(m.act)
	return m.Store.Update(ctx, fn)
}

// TestCreate_CustomerChangedMeanwhile: a change of the customer that commits after the plan was
// drafted survives the customer's update by the plan's terms.
func TestCreate_CustomerChangedMeanwhile(t *testing.T) {
	eachEngine(t, func(d *desk) {
		first, err := d.Create(d.t.Context(), planning.Request{Terms: termsOf("order-1")})
		require.NoError(d.t, err)
		name := "Ada Lovelace"
		rules := billing.Rules{ChargeTime: calendar.LocalTime{Hour: 9}}
		store := meanwhile{Store: d.store, once: new(sync.Once), act: func() {
			_, err := operator.New(d.store, func() time.Time { return now }, rules).ChangeCustomer(d.t.Context(), first.Customer.ID, operator.CustomerChange{Name: &name})
			require.NoError(d.t, err)
		}}
		planner := planning.New(planning.Config{Store: store, Gateway: d.gateway, Now: func() time.Time { return now }, Rules: rules})
		second := termsOf("order-2")
		second.Customer = terms.Customer{Reference: "ada", Email: "new@example.com"}
		created, err := planner.Create(d.t.Context(), planning.Request{Terms: second, UpdateCustomer: true})
		require.NoError(d.t, err)
		require.Equal(d.t, []string{"new@example.com", name}, []string{created.Customer.Email, created.Customer.Name})
	})
}
