package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"tranche/internal/stripegw"
)

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if c.json {
				return c.printJSON(map[string]string{"version": version, "go": runtime.Version(), "stripe_api_version": stripegw.APIVersion})
			}
			_, err := fmt.Fprintf(c.out, "tranche %s (%s, Stripe API %s)\n", version, runtime.Version(), stripegw.APIVersion)
			return err
		},
	}
}
