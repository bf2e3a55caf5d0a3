package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func customersToUpdate(t *testing.T, f *fixture) {
	f.customer()
	var due []billing.Customer
	for i := range 4 {
		c := f.customer()
		c.StripeUpdateAt = f.now.Add(-time.Duration(i) * time.Minute)
		switch i {
		case 0:
			c.StripeUpdateAt = f.now.Add(time.Hour)
		case 3:
			c.ErasedAt = f.now
		}
		f.update(func(tx billing.Tx) error { return tx.UpdateCustomer(t.Context(), c) })
		if c.Version++; i == 1 || i == 2 {
			due = append([]billing.Customer{c}, due...)
		}
	}
	found := func() (ids []billing.CustomerID) {
		customers, err := f.CustomersToUpdate(t.Context(), f.now)
		require.NoError(t, err)
		for _, c := range customers {
			ids = append(ids, c.ID)
		}
		return ids
	}
	require.Equal(t, []billing.CustomerID{due[0].ID, due[1].ID}, found())
	older := due[0]
	older.Version--
	f.update(func(tx billing.Tx) error { return tx.UpdateStripeUpdate(t.Context(), older, time.Time{}) })
	require.Len(t, found(), 2, "it was changed meanwhile")
	f.update(func(tx billing.Tx) error { return tx.UpdateStripeUpdate(t.Context(), due[0], time.Time{}) })
	require.Equal(t, []billing.CustomerID{due[1].ID}, found())
	f.update(func(tx billing.Tx) error {
		return tx.UpdateStripeUpdate(t.Context(), due[1], f.now.Add(time.Second))
	})
	require.Empty(t, found())
}
