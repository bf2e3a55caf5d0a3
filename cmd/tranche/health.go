package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
)

// healthTimeout is shorter than the timeouts of orchestrators.
const healthTimeout = 3 * time.Second

func (c *cli) healthCommand() *cobra.Command {
	var addr string
	var ready bool
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Check a running process, for container health checks",
		Long: `Check at the public address of a running process (TRANCHE_ADDR) that it is alive, or with --ready that all services it
needs answer. Failed checks are in its log and in /readyz at its admin address (TRANCHE_ADMIN_ADDR).`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if addr == "" {
				cfg, err := c.config(nil, config.Needs{})
				if err != nil {
					return err
				}
				addr = cfg.Addr
			}
			host, port, err := net.SplitHostPort(addr)
			if err != nil {
				return usageError{fmt.Errorf("--addr %q is not HOST:PORT", addr)}
			}
			if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
				host = "127.0.0.1" // a process that listens on all addresses listens on loopback
			}
			path := "/healthz"
			if ready {
				path = "/readyz"
			}
			return c.probe(cmd, "http://"+net.JoinHostPort(host, port)+path)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "", "check the process at this `HOST:PORT` (default: TRANCHE_ADDR)")
	cmd.Flags().BoolVar(&ready, "ready", false, "check its database and queue too")
	return cmd
}

func (c *cli) probe(cmd *cobra.Command, url string) error {
	req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Timeout: healthTimeout}).Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", billing.ErrUnavailable, err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s answered %s", billing.ErrUnavailable, url, resp.Status)
	}
	if c.json {
		return c.printJSON(map[string]string{"status": "ok"})
	}
	_, err = fmt.Fprintln(c.out, "ok")
	return err
}
