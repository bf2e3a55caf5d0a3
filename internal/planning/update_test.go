package planning_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
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
	eachEngine(t, func(b *bench) {
		first, err := b.Planner.Create(b.t.Context(), planning.Request{Terms: termsOf("order-1")})
		require.NoError(b.t, err)
		name := "Ada Lovelace"
		store := meanwhile{Store: b.Store, once: new(sync.Once), act: func() {
			_, err := b.Operator().ChangeCustomer(b.t.Context(), first.Customer.ID, operator.CustomerChange{Name: &name})
			require.NoError(b.t, err)
		}}
		config := b.PlannerConfig()
		config.Store = store
		second := termsOf("order-2")
		second.Customer = terms.Customer{Reference: "ada", Email: "new@example.com"}
		created, err := planning.New(config).Create(b.t.Context(), planning.Request{Terms: second, UpdateCustomer: true})
		require.NoError(b.t, err)
		require.Equal(b.t, []string{"new@example.com", name}, []string{created.Customer.Email, created.Customer.Name})
	})
}
