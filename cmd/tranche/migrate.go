package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/store/open"
)

func (c *cli) migrateCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Migrate the database to the version of this binary",
		Long: `Migrate the database to the version of this binary. serve does the same at startup; any number of processes may do it
at the same time. Migrations can't be reversed: take a backup first.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, err := c.config(nil, config.Needs{})
			if err != nil {
				return err
			}
			s, err := open.Store(cmd.Context(), cfg.DatabaseURL, open.Options{Connections: cfg.DatabaseConnections})
			if err != nil {
				return fmt.Errorf("open the database: %w", err)
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			if dryRun {
				pending, err := s.Pending(cmd.Context())
				if err != nil {
					return err
				}
				return c.printMigration(migration{Pending: append([]string{}, pending...)})
			}
			from, to, err := s.Migrate(cmd.Context())
			if err != nil {
				return err
			}
			return c.printMigration(migration{From: from, To: to, Pending: []string{}})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "list the steps without running them")
	return cmd
}

// migration is the JSON of migrate.
type migration struct {
	From    int64    `json:"from"`
	To      int64    `json:"to"`
	Pending []string `json:"pending"`
}

func (c *cli) printMigration(m migration) error {
	switch {
	case c.json:
		return c.printJSON(m)
	case len(m.Pending) > 0:
		for _, step := range m.Pending {
			fmt.Fprintln(c.out, step)
		}
	case m.From == m.To:
		fmt.Fprintln(c.talk, "the database is up to date")
	default:
		fmt.Fprintf(c.talk, "the database went from version %d to %d\n", m.From, m.To)
	}
	return nil
}
