package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/binding"
	"tranche/internal/clock"
	"tranche/internal/dunning"
	"tranche/internal/plaintext"
	"tranche/internal/planning"
	"tranche/internal/store"
	"tranche/internal/stripegw"
)

// Exit codes, for scripts.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2 // the command line or the configuration is wrong
	exitPartial = 3 // a part of the work was done
	exitDown    = 4 // a required service is down
)

// cli holds what all commands share. Commands write data to out, and messages to talk.
type cli struct {
	env       func(string) string
	in        io.Reader
	out, talk io.Writer

	configFile string
	json       bool
}

// usageError is a fault in the command line.
type usageError struct{ error }

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "tranche",
		Short: "Collect money that falls due later, on Stripe, exactly once",
		Long: `Tranche saves the card from a customer's first payment and charges each later amount when it falls due.

  tranche demo                 see it work: no account, no network, under half a minute
  tranche serve                run it: webhooks, API, workers and scheduler in one process
  tranche plan create --help   create a plan from the command line

Settings come from the environment, or from a TOML file (--config); ` + "`tranche help settings`" + ` lists them.
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 partly done, 4 a service is down.`,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			cmd.SetContext(c.actingAs(cmd.Context(), billing.ActorCommand))
			return checkWords(cmd, args)
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().StringVar(&c.configFile, "config", "", "read settings from this TOML `FILE`")
	root.PersistentFlags().BoolVar(&c.json, "json", false, "print JSON on standard output")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(c.serveCommand(), c.demoCommand(), c.simCommand(), c.migrateCommand(), c.bindCommand(), c.restoreCheckCommand(), c.healthCommand(),
		c.planCommand(), c.chargeCommand(), c.linkCommand(), c.customerCommand(), c.cardCommand(), c.dunningCommand(), c.noticeCommand(), c.eventCommand(),
		c.incidentCommand(), c.endpointCommand(), c.deliveryCommand(), c.secretCommand(), c.reconcileCommand(), c.auditCommand(), c.exportCommand(), c.forecastCommand(), c.doctorCommand(), c.versionCommand(), c.settingsTopic())
	return root
}

// checkWords refuses arguments and flags that are not valid text, because many of them are stored
// in the database.
func checkWords(cmd *cobra.Command, args []string) error {
	var faults []string
	for i, arg := range args {
		if problem := plaintext.Problem(arg); problem != "" {
			faults = append(faults, fmt.Sprintf("argument %d %s", i+1, problem))
		}
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if problem := plaintext.Problem(f.Value.String()); problem != "" {
			faults = append(faults, fmt.Sprintf("--%s %s", f.Name, problem))
		}
	})
	if len(faults) > 0 {
		return usageError{errors.New(strings.Join(faults, "; "))}
	}
	return nil
}

// checkList refuses an invalid limit or status of a list. An empty status means any.
func checkList[S ~string](limit int, status string, known ...S) error {
	if limit < 1 || limit > billing.MaxPage {
		return usageError{fmt.Errorf("--limit %d is not a number from 1 to %d", limit, billing.MaxPage)}
	}
	if status != "" && !slices.Contains(known, S(status)) {
		return usageError{fmt.Errorf("--status %q is none of %q", status, known)}
	}
	return nil
}

// report prints an error for people and returns the exit code for programs.
func (c *cli) report(err error) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(c.talk, "tranche: error: %s\n", strings.TrimSpace(err.Error()))
	var settings *config.Error
	var usage usageError
	var invalid *billing.InvalidError
	switch {
	case errors.As(err, &settings):
		fmt.Fprintln(c.talk, "tranche: hint: `tranche help settings` describes each setting")
		return exitUsage
	case errors.As(err, &usage):
		fmt.Fprintln(c.talk, "tranche: hint: add --help to the command")
		return exitUsage
	case errors.As(err, &invalid), strings.HasPrefix(err.Error(), "unknown command"),
		strings.HasPrefix(err.Error(), "required flag"), strings.Contains(err.Error(), "flags in the group"):
		return exitUsage
	case isMismatch(err), isPolicyFault(err), isNewer(err):
		return exitUsage
	case isPartial(err):
		return exitPartial
	case errors.Is(err, billing.ErrUnavailable):
		return exitDown
	}
	return exitFailed
}

// isMismatch reports whether the key and the database do not belong together, which is a fault of
// the configuration.
func isMismatch(err error) bool {
	_, ok := errors.AsType[*binding.MismatchError](err)
	return ok
}

// isNewer reports whether the database belongs to a newer program.
func isNewer(err error) bool {
	_, ok := errors.AsType[*store.NewerError](err)
	return ok
}

// config reads and checks the settings.
func (c *cli) config(flags map[string]string, need config.Needs) (config.Config, error) {
	return config.LoadFor(config.Sources{Flags: flags, Env: c.env, File: c.configFile, ReadFile: os.ReadFile}, need)
}

// logger writes to talk: JSON for machines, or lines for people.
func (c *cli) logger(cfg config.Config) zerolog.Logger {
	level, err := zerolog.ParseLevel(cfg.LogLevel)
	if err != nil {
		level = zerolog.InfoLevel
	}
	var w = c.talk
	if cfg.LogFormat == "console" {
		w = zerolog.ConsoleWriter{Out: c.talk, TimeFormat: "15:04:05.000"}
	}
	return zerolog.New(zerolog.SyncWriter(w)).Level(level).With().Timestamp().Logger()
}

// withStore runs fn on the database.
func (c *cli) withStore(ctx context.Context, fn func(cfg config.Config, s *store.Store) error) error {
	cfg, err := c.config(nil, config.Needs{})
	if err != nil {
		return err
	}
	s, err := app.OpenStore(ctx, cfg, c.logger(cfg))
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if err := app.CheckClock(ctx, s); err != nil {
		return errors.Join(fmt.Errorf("nothing was changed: %w; set it by NTP", err), s.Close())
	}
	return errors.Join(fn(cfg, s), s.Close())
}

// withReader runs fn on the database for a command that changes nothing. It neither migrates nor
// creates the database.
func (c *cli) withReader(ctx context.Context, fn func(cfg config.Config, s *store.Store) error) error {
	cfg, err := c.config(nil, config.Needs{})
	if err != nil {
		return err
	}
	s, err := app.OpenToRead(ctx, cfg)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	return errors.Join(fn(cfg, s), s.Close())
}

// withPlanner runs fn with a planner on the database and Stripe, unless they belong to different
// accounts. A dry run changes neither, and does not ask Stripe. While Stripe is unavailable fn may
// store the plan, which the same command completes later.
func (c *cli) withPlanner(ctx context.Context, dryRun bool, fn func(p *planning.Planner) error) error {
	cfg, err := c.config(nil, config.NeedsStripe)
	if err != nil {
		return err
	}
	gateway, err := stripegw.New(stripegw.Config{SecretKey: cfg.StripeSecretKey, APIBase: cfg.StripeAPIBase, HTTPTimeout: cfg.StripeTimeout})
	if err != nil {
		return err
	}
	clk, err := clock.Parse(cfg.Clock)
	if err != nil {
		return err
	}
	rules, err := app.Rules(cfg)
	if err != nil {
		return err
	}
	policies, err := app.Policies(cfg)
	if err != nil {
		return err
	}
	open := c.withStore
	if dryRun {
		open = c.withReader
	}
	return open(ctx, func(_ config.Config, s *store.Store) error {
		guard := binding.New(s, gateway, clk)
		if !dryRun {
			if err := guard.Check(ctx); err != nil && !errors.Is(err, billing.ErrUnavailable) {
				return err // a customer must not pay into another account
			}
		}
		return fn(planning.New(planning.Config{
			Store: s, Gateway: gateway, Now: clk.Now, Rules: rules, Policies: policies.Names(), OwnAccount: guard.Confirms,
		}))
	})
}

// printJSON writes one value as indented JSON.
func (c *cli) printJSON(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// isPolicyFault reports whether the error is a fault in the file of dunning policies.
func isPolicyFault(err error) bool {
	_, ok := errors.AsType[*dunning.PolicyError](err)
	return ok
}
