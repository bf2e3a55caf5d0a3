package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/export"
	"tranche/internal/store"
)

// exportAll names every export together.
const exportAll = "all"

func (c *cli) exportCommand() *cobra.Command {
	var format, out, since string
	cmd := &cobra.Command{
		Use: "export WHAT", Short: "Export the database as CSV or JSON lines", Args: oneArg("export"),
		Long: `Export a table of the database as CSV or JSON lines: ` + strings.Join(export.Names(), ", ") + `; or all tables into a directory.
Amounts are minor units and times UTC. An export holds no secrets and no links to the recovery page, but it holds personal data. A
file gets its name only when it is complete. Each exported table has an entry in the audit trail. docs/export.md lists the columns.`,
		Example: `  tranche export charges --out charges.csv
  tranche export audit --format jsonl --since 2026-01-01
  tranche export all --out backup-of-today --format jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			tables, begin, err := c.exportPlan(args[0], &format, out, since)
			if err != nil {
				return err
			}
			return c.withStore(cmd.Context(), func(cfg config.Config, s *store.Store) error {
				clk, err := clock.Parse(cfg.Clock)
				if err != nil {
					return err
				}
				to := exportTo{format: export.Format(format), out: out, all: args[0] == exportAll, since: begin, now: clk.Now}
				return c.export(cmd.Context(), s, tables, to)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "`FORMAT`: csv (the default) or jsonl")
	cmd.Flags().StringVar(&out, "out", "", "write to this `FILE`, or with all into this directory (default: standard output)")
	cmd.Flags().StringVar(&since, "since", "", "only rows written or changed since this `DATE`, in UTC, or RFC 3339 time")
	return cmd
}

// exportPlan reads the arguments and flags.
func (c *cli) exportPlan(what string, format *string, out, since string) (tables []billing.ExportTable, begin time.Time, err error) {
	if *format == "" {
		*format = string(export.CSV)
		if c.json {
			*format = string(export.JSONL)
		}
	}
	if !export.Format(*format).Known() {
		return nil, begin, usageError{fmt.Errorf("--format %q is none of csv, jsonl", *format)}
	}
	if since != "" {
		if begin, _, err = parseDay("--since", since); err != nil {
			return nil, begin, err
		}
	}
	if what == exportAll {
		if out == "" {
			return nil, begin, usageError{errors.New("all writes many files: name a directory with --out")}
		}
		return export.Tables(), begin, nil
	}
	table, ok := export.TableOf(what)
	if !ok {
		return nil, begin, usageError{fmt.Errorf("there is no export %q; there is %s, all", what, strings.Join(export.Names(), ", "))}
	}
	return []billing.ExportTable{table}, begin, nil
}

// exportTo is the destination and format of an export.
type exportTo struct {
	format export.Format
	out    string // a file; a directory for all; empty for standard output
	all    bool
	since  time.Time
	now    func() time.Time // for the audit entry
}

func (c *cli) export(ctx context.Context, s *store.Store, tables []billing.ExportTable, to exportTo) error {
	if to.all {
		if err := os.MkdirAll(to.out, 0o700); err != nil {
			return usageError{err}
		}
	}
	for i, table := range tables {
		name := to.out
		if to.all {
			name = filepath.Join(to.out, table.Name+"."+string(to.format))
		}
		bar := newProgress(c.talk, "exporting "+table.Name, 0)
		rows, err := c.exportTable(ctx, s, table, to, name, func(rows int64) { bar.at(rows, fmt.Sprintf("%d rows", rows)) })
		bar.end()
		if err != nil {
			return endedEarly(err, i > 0)
		}
		fmt.Fprintf(c.talk, "%s: %d rows\n", table.Name, rows)
	}
	return nil
}

// exportTable writes one table. A file gets its name when it is complete. Only its owner can read
// it, because it names customers.
func (c *cli) exportTable(ctx context.Context, s *store.Store, table billing.ExportTable, to exportTo, name string, progress func(int64)) (rows int64, err error) {
	if name == "" {
		return export.WriteAudited(ctx, s, table, to.since, to.format, to.now, c.out, progress)
	}
	part := name + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, usageError{err}
	}
	rows, err = export.WriteAudited(ctx, s, table, to.since, to.format, to.now, io.Writer(f), progress)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return rows, errors.Join(err, os.Remove(part))
	}
	return rows, os.Rename(part, name)
}
