package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"tranche/internal/billing"
	"tranche/internal/store"
)

func (c *cli) customerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "customer", Short: "Remove a customer's personal data", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.customerEraseCommand())
	return cmd
}

// findCustomer finds a customer by id or by the merchant's reference.
func findCustomer(ctx context.Context, s *store.Store, name string) (billing.Customer, error) {
	customer, err := s.Customer(ctx, billing.CustomerID(name))
	if errors.Is(err, billing.ErrNotFound) {
		return s.CustomerByReference(ctx, name)
	}
	return customer, err
}
