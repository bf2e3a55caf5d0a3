package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/queue"
)

func (c *cli) serveCommand() *cobra.Command {
	var roles []string
	var addr string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run webhooks, API, workers and scheduler until stopped",
		Long: `Run all roles of Tranche in one process, or some of them: ingress (webhooks and API), worker and scheduler.
With PostgreSQL and Redis, any number of each role may run; SQLite and the embedded queue need one process with all roles.
The database is migrated first. SIGTERM or Ctrl-C stops the process after the tasks in flight.`,
		Example: `  tranche serve
  tranche serve --roles worker,scheduler`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := map[string]string{}
			if len(roles) > 0 {
				flags["TRANCHE_ROLES"] = strings.Join(roles, ",")
			}
			if addr != "" {
				flags["TRANCHE_ADDR"] = addr
			}
			cfg, err := c.config(flags, config.NeedsServe)
			if err != nil {
				return err
			}
			log := c.logger(cfg)
			queue.RedirectLogs(log)
			a, err := app.New(cmd.Context(), cfg, log)
			if err != nil {
				return err
			}
			defer a.Stop()
			if err := a.Start(cmd.Context()); err != nil {
				return err
			}
			return a.Wait(cmd.Context())
		},
	}
	cmd.Flags().StringSliceVar(&roles, "roles", nil, "run only these `ROLES` (TRANCHE_ROLES)")
	cmd.Flags().StringVar(&addr, "addr", "", "listen on this `HOST:PORT` (TRANCHE_ADDR)")
	return cmd
}

// noArgs refuses arguments with a usageError.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, but got %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

// oneArg requires exactly one argument of the given kind.
func oneArg(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("%s needs one %s, but got %d arguments", cmd.CommandPath(), name, len(args))}
		}
		return nil
	}
}
