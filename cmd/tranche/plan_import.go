package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/binding"
	"tranche/internal/clock"
	"tranche/internal/export"
	"tranche/internal/importing"
	"tranche/internal/money"
	"tranche/internal/store"
)

// importFlags are the flags of plan import.
type importFlags struct {
	yes, skipBad, catchUp, verify, confirm bool
	faults                                 string
}

func (c *cli) planImportCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Import live plans of another system, from CSV or JSON lines", Args: oneArg("file"),
		Long: `Import live plans of another system, with their existing Stripe customers and cards; - is standard input. Without --yes
nothing is written: every line is checked, every fault reported by line and field, and the totals are shown. With --yes the plans
are active at once. A plan that exists with the same terms is skipped, so an interrupted run is finished by running it again.
A due date in the past is a fault, unless --catch-up is set to charge it at once. docs/import.md lists the columns.

Exit code 0 if every line is valid, 1 if a line is invalid and nothing was imported, 3 if invalid lines were skipped (--skip-bad)
or the run ended early, 4 if Stripe or the database is down.`,
		Example: `  tranche plan import plans.csv --faults faults.csv
  tranche plan import plans.csv --verify-cards --yes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.planImport(c.actingAs(cmd.Context(), billing.ActorImport), args[0], f)
		},
	}
	cmd.Flags().BoolVar(&f.yes, "yes", false, "import; without it, lines are only checked")
	cmd.Flags().BoolVar(&f.skipBad, "skip-bad", false, "skip invalid lines and import the others")
	cmd.Flags().BoolVar(&f.catchUp, "catch-up", false, "charge past due dates at once")
	cmd.Flags().BoolVar(&f.confirm, "confirm", false, "mail each customer the payments of the plan, with amounts and dates")
	cmd.Flags().BoolVar(&f.verify, "verify-cards", false, "look each card up at Stripe: customer and expiry; brand and digits are taken from there")
	cmd.Flags().StringVar(&f.faults, "faults", "", "also write the faults to this `FILE`, as CSV")
	return cmd
}

func (c *cli) planImport(ctx context.Context, name string, f importFlags) error {
	file, done, err := c.importFile(name)
	if err != nil {
		return err
	}
	defer done()
	needs := config.Needs{}
	if f.yes || f.verify {
		needs = config.NeedsStripe
	}
	cfg, err := c.config(nil, needs)
	if err != nil {
		return err
	}
	clk, err := clock.Parse(cfg.Clock)
	if err != nil {
		return err
	}
	o := importing.Options{Now: clk.Now, CatchUp: f.catchUp, Confirm: f.confirm}
	if o.Rules, err = app.Rules(cfg); err != nil {
		return err
	}
	policies, err := app.Policies(cfg)
	if err != nil {
		return err
	}
	o.Policies = policies.Names()
	return c.withStore(ctx, func(_ config.Config, s *store.Store) error {
		if needs != config.NeedsStripe {
			return c.checkAndImport(ctx, s, file, o, f)
		}
		gateway, end, err := app.OpenGateway(cfg, clk, c.logger(cfg))
		if err != nil {
			return err
		}
		defer end()
		if err := binding.New(s, gateway, clk).Check(ctx); err != nil {
			return err // plans of another account must not get into this database
		}
		if f.verify {
			o.Cards = gateway
		}
		return c.checkAndImport(ctx, s, file, o, f)
	})
}

// importFile opens the file. It is read twice, so standard input is first copied.
func (c *cli) importFile(name string) (*os.File, func(), error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, usageError{err}
		}
		return file, func() { _ = file.Close() }, nil
	}
	file, err := os.CreateTemp("", "tranche-import-*")
	if err != nil {
		return nil, nil, err
	}
	done := func() { _, _ = file.Close(), os.Remove(file.Name()) }
	if _, err := io.Copy(file, c.in); err != nil {
		done()
		return nil, nil, fmt.Errorf("read standard input: %w", err)
	}
	return file, done, nil
}

func (c *cli) checkAndImport(ctx context.Context, s *store.Store, file *os.File, o importing.Options, f importFlags) error {
	report, err := c.newFaultReport(f.faults)
	if err != nil {
		return err
	}
	o.Fault = report.add
	im := importing.New(s, o)
	sum, err := c.goThrough(file, "checking", 0, im, func(r *importing.Reader) (importing.Summary, error) { return im.Check(ctx, r) })
	if err := errors.Join(err, report.close()); err != nil {
		return err
	}
	if !f.yes || sum.Bad > 0 && !f.skipBad {
		fmt.Fprintln(c.talk, "nothing was imported")
		if err := c.printImport(sum, report.list, true); err != nil {
			return err
		}
		return badLines(sum.Bad, false)
	}
	im.Fault = nil // they were reported
	sum, err = c.goThrough(file, "importing", sum.Lines, im, func(r *importing.Reader) (importing.Summary, error) { return im.Import(ctx, r) })
	if err != nil && sum.New == 0 {
		return err
	}
	if printed := c.printImport(sum, report.list, false); printed != nil {
		return printed
	}
	if err != nil {
		return endedEarly(err, true)
	}
	return badLines(sum.Bad, true)
}

func badLines(bad int64, some bool) error {
	if bad == 0 {
		return nil
	}
	return endedEarly(fmt.Errorf("%d lines are invalid", bad), some)
}

// goThrough reads the file from the beginning and shows the progress.
func (c *cli) goThrough(file *os.File, doing string, total int64, im *importing.Importer, do func(*importing.Reader) (importing.Summary, error)) (importing.Summary, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return importing.Summary{}, err
	}
	lines, err := importing.NewReader(file)
	if err != nil {
		return importing.Summary{}, usageError{err}
	}
	bar := newProgress(c.talk, doing, total)
	defer bar.end()
	im.Progress = func(lines int64) { bar.at(lines, fmt.Sprintf("%d lines", lines)) }
	return do(lines)
}

// faultReport prints faults as they are found, and writes them to a file.
type faultReport struct {
	talk io.Writer
	file *os.File // nil without one
	csv  *csv.Writer
	list []importing.Fault // for --json
	json bool
}

func (c *cli) newFaultReport(name string) (*faultReport, error) {
	r := &faultReport{talk: c.talk, json: c.json, list: []importing.Fault{}}
	if name == "" {
		return r, nil
	}
	var err error
	if r.file, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return nil, usageError{err}
	}
	r.csv = csv.NewWriter(r.file)
	return r, r.csv.Write([]string{"line", "reference", "field", "reason"})
}

func (r *faultReport) add(f importing.Fault) error {
	fmt.Fprintf(r.talk, "line %d (%s): %s: %s\n", f.Line, f.Reference, f.Field, f.Message)
	if r.json {
		r.list = append(r.list, f)
	}
	if r.csv == nil {
		return nil
	}
	return r.csv.Write([]string{strconv.Itoa(f.Line), export.Guard(f.Reference), f.Field, export.Guard(f.Message)})
}

func (r *faultReport) close() error {
	if r.file == nil {
		return nil
	}
	r.csv.Flush()
	return errors.Join(r.csv.Error(), r.file.Close())
}

func (c *cli) printImport(sum importing.Summary, faults []importing.Fault, dryRun bool) error {
	if c.json {
		return json.NewEncoder(c.out).Encode(map[string]any{"dry_run": dryRun, "summary": sum, "faults": faults})
	}
	fmt.Fprintf(c.out, "%d lines: %d new, %d existing, %d invalid\n", sum.Lines, sum.New, sum.Present, sum.Bad)
	var currencies []money.Currency
	for currency := range sum.Totals {
		currencies = append(currencies, currency)
	}
	slices.Sort(currencies)
	tab := newTable("CURRENCY", "PLANS", "PAID BEFORE", "LEFT")
	for _, currency := range currencies {
		t := sum.Totals[currency]
		tab.add(string(currency), strconv.FormatInt(t.Plans, 10), money.FormatAmount(t.Paid, currency), money.FormatAmount(t.Left, currency))
	}
	tab.print(c.out)
	return nil
}
