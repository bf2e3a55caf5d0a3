package main

import (
	"context"

	"github.com/spf13/cobra"

	"tranche/internal/billing"
	"tranche/internal/store"
)

func (c *cli) customerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "customer", Short: "List, show and change customers, and remove their personal data", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.customerListCommand(), c.customerShowCommand(), c.customerUpdateCommand(), c.customerEraseCommand())
	return cmd
}

// findCustomer finds a customer by id or by the merchant's reference.
func findCustomer(ctx context.Context, s *store.Store, name string) (billing.Customer, error) {
	return billing.FindCustomer(ctx, s, name)
}
