package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/store"
)

func (c *cli) planCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "plan", Short: "Make, list, show, change, pause, resume and cancel plans", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.planCreateCommand(), c.planListCommand(), c.planShowCommand(),
		c.planPauseCommand(), c.planResumeCommand(), c.planCancelCommand())
	cmd.AddCommand(c.planChangeCommands()...)
	return cmd
}

func (c *cli) planCreateCommand() *cobra.Command {
	var in termsInput
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a plan and the PaymentIntent of its first payment",
		Long: `Make a plan and the PaymentIntent of its first payment, as POST /v1/plans does. Amounts are minor units (cents).
The same command again returns the same plan. The answer holds the client secret of the first payment: hand it to the
customer's checkout and to nobody else.`,
		Example: `  tranche plan create --reference order-1042 --kind installments --currency usd --total 100000 \
    --parts 3 --every "1 month" --customer cust-77 --email ada@example.com --timezone Europe/London
  tranche plan create --reference villa-9 --kind deposit --currency eur --total 250000 --deposit 50000 \
    --balance-due 2026-12-20 --customer cust-78 --email grace@example.com
  tranche plan create --file plan.json --dry-run`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := c.terms(cmd.Flags(), in)
			if err != nil {
				return err
			}
			return c.withPlanner(cmd.Context(), func(p *planning.Planner) error {
				if dryRun {
					draft, err := p.Preview(cmd.Context(), t)
					if err != nil {
						return err
					}
					return c.printDrafts(t, draft.Charges)
				}
				created, err := p.Create(cmd.Context(), t, "")
				if err != nil {
					return err
				}
				return c.printCreated(created)
			})
		},
	}
	in.flags(cmd.Flags())
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show the charges; store nothing and send nothing")
	return cmd
}

// termsInput is a plan as flags, or a file, say it.
type termsInput struct {
	flagged              billing.Terms
	kind, currency, file string
	charges              []string
}

// flags are all that say something of a plan.
func (in *termsInput) flags(f *pflag.FlagSet) {
	termsFlags(f, &in.flagged)
	f.StringVar(&in.kind, "kind", "", "`KIND`: installments or deposit")
	f.StringVar(&in.currency, "currency", "", "ISO `CODE`, such as usd")
	f.StringArrayVar(&in.charges, "charge", nil, "one `AMOUNT[@DATE]` of an explicit list; repeat it, the first without a date")
	f.StringVar(&in.file, "file", "", "read the plan as JSON from this `FILE`; - is standard input")
}

// given says which of the flags were used.
func (in *termsInput) given(f *pflag.FlagSet) []string {
	mine := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(termsInput).flags(mine)
	var names []string
	f.Visit(func(flag *pflag.Flag) {
		if mine.Lookup(flag.Name) != nil {
			names = append(names, "--"+flag.Name)
		}
	})
	return names
}

// terms reads the plan. Errors: usageError for what can't be read; what is wrong with the terms is for who takes them.
func (c *cli) terms(f *pflag.FlagSet, in termsInput) (billing.Terms, error) {
	t := in.flagged
	t.Kind, t.Currency = billing.PlanKind(in.kind), billing.Currency(in.currency)
	if err := parseCharges(&t, in.charges); err != nil || in.file == "" {
		return t, err
	}
	// The file holds the whole plan: flags that say something of it too would be passed over.
	if also := slices.DeleteFunc(in.given(f), func(name string) bool { return name == "--file" }); len(also) > 0 {
		return t, usageError{fmt.Errorf("--file holds the whole plan: leave out %s", strings.Join(also, " "))}
	}
	err := c.readTerms(in.file, &t)
	return t, err
}

// termsFlags are the terms that a flag can say as they are.
func termsFlags(f *pflag.FlagSet, t *billing.Terms) {
	f.StringVar(&t.Reference, "reference", "", "your `NAME` for the plan, such as an order number")
	f.Int64Var(&t.Total, "total", 0, "`AMOUNT` of all charges together")
	f.IntVar(&t.Parts, "parts", 0, "`NUMBER` of instalments, the first paid at once")
	f.StringVar(&t.Every, "every", "", "`INTERVAL` between instalments, such as \"1 month\"")
	f.Int64Var(&t.FirstAmount, "first-amount", 0, "`AMOUNT` of the first instalment, where it is not an equal part")
	f.Int64Var(&t.Deposit, "deposit", 0, "`AMOUNT` that is paid at once")
	f.StringVar(&t.BalanceDue, "balance-due", "", "`DATE` on which the rest is charged")
	f.StringVar(&t.Policy, "policy", "", "`NAME` of the dunning policy, as tranche dunning policies lists them")
	f.BoolVar(&t.BackupCardsAllowed, "backup-cards-allowed", false, "the customer agreed that another saved card may be charged")
	f.StringVar(&t.Description, "description", "", "`TEXT` shown at Stripe")
	f.StringVar(&t.Customer.Reference, "customer", "", "your `NAME` for the customer")
	f.StringVar(&t.Customer.Email, "email", "", "the customer's e-mail `ADDRESS`")
	f.StringVar(&t.Customer.Name, "name", "", "the customer's `NAME`")
	f.StringVar(&t.Customer.Locale, "locale", "", "the customer's `LOCALE`, such as en-GB")
	f.StringVar(&t.Customer.TimeZone, "timezone", "", "the customer's time `ZONE`, such as Europe/London")
}

func parseCharges(t *billing.Terms, list []string) error {
	for _, entry := range list {
		text, due, _ := strings.Cut(entry, "@")
		amount, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return usageError{fmt.Errorf("--charge %q is not AMOUNT or AMOUNT@DATE", entry)}
		}
		t.Charges = append(t.Charges, billing.ChargeTerms{Amount: amount, Due: due})
	}
	return nil
}

// readTerms reads the whole plan from a file.
func (c *cli) readTerms(file string, t *billing.Terms) error {
	in := c.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return usageError{err}
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	dec := json.NewDecoder(in)
	dec.DisallowUnknownFields()
	*t = billing.Terms{}
	err := dec.Decode(t)
	if err == nil {
		if _, trailing := dec.Token(); !errors.Is(trailing, io.EOF) {
			err = errors.New("there is more after the JSON object")
		}
	}
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return usageError{errors.New("read the plan: there is no JSON in it")}
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return usageError{fmt.Errorf("read the plan: %s can't be a %s", wrongType.Field, wrongType.Value)}
	case err != nil:
		return usageError{fmt.Errorf("read the plan: %s", strings.TrimPrefix(err.Error(), "json: "))}
	}
	return nil
}

func (c *cli) printDrafts(t billing.Terms, drafts []billing.ChargeDraft) error {
	if c.json {
		type draft struct {
			Sequence int       `json:"sequence"`
			Amount   int64     `json:"amount"`
			DueAt    time.Time `json:"due_at"`
		}
		list := make([]draft, len(drafts))
		for i, d := range drafts {
			list[i] = draft{i + 1, d.Amount, d.DueAt}
		}
		return c.printJSON(map[string]any{"dry_run": true, "charges": list})
	}
	tab := newTable("#", "AMOUNT", "DUE")
	for i, d := range drafts {
		due := localTime(d.DueAt, t.Customer.TimeZone)
		if i == 0 {
			due = "at once, in the checkout"
		}
		tab.add(strconv.Itoa(i+1), billing.FormatAmount(d.Amount, t.Currency), due)
	}
	tab.print(c.out)
	fmt.Fprintln(c.talk, "dry run: nothing was stored or sent")
	return nil
}

func (c *cli) printCreated(p planning.Created) error {
	if c.json {
		view := handlers.ViewPlan(p.Details)
		view.FirstPayment = &handlers.FirstPaymentView{
			PaymentIntent: p.FirstPayment.ID, ClientSecret: p.FirstPayment.ClientSecret.Reveal(), Status: p.FirstPayment.Status,
		}
		return c.printJSON(view)
	}
	c.printPlan(p.Details)
	fmt.Fprintf(c.out, "\nFirst payment  %s (%s)\nClient secret  %s\n", p.FirstPayment.ID, p.FirstPayment.Status, p.FirstPayment.ClientSecret.Reveal())
	return nil
}

func (c *cli) planListCommand() *cobra.Command {
	var status string
	var limit int
	var before string
	cmd := &cobra.Command{
		Use: "list", Short: "List plans, newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkList(limit, status, billing.PlanAwaitingFirstPayment, billing.PlanActive, billing.PlanPastDue, billing.PlanPaused,
				billing.PlanCompleted, billing.PlanCanceled, billing.PlanDefaulted); err != nil {
				return err
			}
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				plans, err := s.Plans(cmd.Context(), billing.PlanFilter{Status: billing.PlanStatus(status), Limit: limit, Before: billing.PlanID(before)})
				if err != nil {
					return err
				}
				details, err := billing.LoadAllDetails(cmd.Context(), s, plans)
				if err != nil {
					return err
				}
				return c.printPlans(details)
			})
		},
	}
	cmd.Flags().StringVar(&status, "status", "", "only plans in this `STATUS`")
	cmd.Flags().IntVar(&limit, "limit", 50, "at most this `NUMBER` (500 at most)")
	cmd.Flags().StringVar(&before, "before", "", "only plans older than this `ID`")
	return cmd
}

func (c *cli) printPlans(details []billing.Details) error {
	if c.json {
		views := make([]handlers.PlanView, len(details))
		for i, d := range details {
			views[i] = handlers.ViewPlan(d)
		}
		return c.printJSON(handlers.ListView[handlers.PlanView]{Object: "list", Data: views})
	}
	tab := newTable("PLAN", "REFERENCE", "KIND", "STATUS", "PAID", "TOTAL", "NEXT")
	for _, d := range details {
		var paid int64
		next := ""
		for _, ch := range d.Charges {
			if ch.Status.Paid() {
				paid += ch.Amount
			}
			if next == "" && !ch.NextAttemptAt.IsZero() {
				next = localTime(ch.NextAttemptAt, d.Customer.TimeZone)
			}
		}
		tab.add(string(d.Plan.ID), d.Plan.Reference, string(d.Plan.Kind), string(d.Plan.Status),
			billing.FormatAmount(paid, d.Plan.Currency), billing.FormatAmount(d.Plan.Total, d.Plan.Currency), next)
	}
	tab.print(c.out)
	return nil
}

func (c *cli) planShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show PLAN", Short: "Show a plan, by id or by your reference, with its charges and what happened", Args: oneArg("plan"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				plan, err := findPlan(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				details, err := billing.LoadDetails(cmd.Context(), s, plan.ID)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(handlers.ViewPlan(details))
				}
				c.printPlan(details)
				trail, err := billing.WholeTrail(cmd.Context(), s, plan.ID)
				if err != nil {
					return err
				}
				fmt.Fprintln(c.out)
				for _, e := range trail {
					fmt.Fprintln(c.out, auditLine(e, details.Customer.TimeZone))
				}
				return nil
			})
		},
	}
}

func (c *cli) printPlan(d billing.Details) {
	fmt.Fprintf(c.out, "%s  %s  %s  %s  %s\n", d.Plan.ID, d.Plan.Reference, d.Plan.Kind, d.Plan.Status, billing.FormatAmount(d.Plan.Total, d.Plan.Currency))
	if d.Plan.Reason != "" {
		fmt.Fprintf(c.out, "%s\n", d.Plan.Reason)
	}
	fmt.Fprintf(c.out, "Customer %s %s %s\n\n", d.Customer.Reference, d.Customer.Name, d.Customer.Email)
	tab := newTable("#", "CHARGE", "AMOUNT", "DUE", "STATUS", "ATTEMPTS", "NEXT", "WHY")
	for _, ch := range d.Charges {
		tab.add(strconv.Itoa(ch.Sequence), string(ch.ID), billing.FormatAmount(ch.Amount, ch.Currency), localTime(ch.DueAt, d.Customer.TimeZone),
			string(ch.Status), strconv.Itoa(ch.AttemptCount), localTime(ch.NextAttemptAt, d.Customer.TimeZone), ch.Reason)
	}
	tab.print(c.out)
}

// auditLine writes an audit entry for people.
func auditLine(e billing.AuditEntry, zone string) string {
	line := fmt.Sprintf("%s  %-8s  %s", localTime(e.At, zone), e.Actor, e.Message)
	if e.Next != "" {
		line += " -> " + e.Next
	}
	return line
}

// localTime writes an instant as the customer's clock shows it; nothing for none.
func localTime(t time.Time, zone string) string {
	if t.IsZero() {
		return ""
	}
	return t.In(billing.LoadLocation(zone)).Format("2006-01-02 15:04 MST")
}
