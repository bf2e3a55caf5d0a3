package main

import (
	"bytes"
	"context"
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
	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
	"tranche/internal/plaintext"
	"tranche/internal/planning"
	"tranche/internal/schedule"
	"tranche/internal/store"
	"tranche/internal/terms"
	"tranche/internal/view"
)

func (c *cli) planCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "plan", Short: "Create, import, list, show, change and cancel plans", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.planCreateCommand(), c.planImportCommand(), c.planListCommand(), c.planShowCommand(),
		c.planPauseCommand(), c.planResumeCommand(), c.planCancelCommand())
	cmd.AddCommand(c.planChangeCommands()...)
	return cmd
}

func (c *cli) planCreateCommand() *cobra.Command {
	var in termsInput
	var dryRun, update bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create a plan and its first payment or card set-up",
		Long: `Create a plan and the PaymentIntent of its first payment, like POST /v1/plans; or a SetupIntent that saves the customer's
card, if nothing is paid at first. Amounts are minor units (cents). Repeating the command returns the same plan. The output
holds a client secret: give it to the customer's checkout only. docs/plans.md describes all terms.`,
		Example: `  tranche plan create --reference order-1042 --kind installments --currency usd --total 100000 \
    --parts 3 --every "1 month" --customer cust-77 --email ada@example.com --timezone Europe/London
  tranche plan create --reference villa-9 --kind deposit --currency eur --total 250000 --deposit 50000 \
    --balance-due 2026-12-20 --customer cust-78 --email grace@example.com
  tranche plan create --reference club-5 --kind recurring --currency usd --amount 1900 --every month --trial "14 days" \
    --customer cust-79 --email alan@example.com
  tranche plan create --file plan.json --dry-run`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := c.terms(cmd.Flags(), in)
			if err != nil {
				return err
			}
			return c.withPlanner(cmd.Context(), dryRun, func(p *planning.Planner) error {
				if dryRun {
					draft, err := p.Preview(cmd.Context(), t)
					if err != nil {
						return err
					}
					return c.printDraft(t, draft)
				}
				created, err := p.Create(cmd.Context(), planning.Request{Terms: t, UpdateCustomer: update})
				if err != nil {
					return err
				}
				return c.printCreated(created)
			})
		},
	}
	in.flags(cmd.Flags())
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show the charges; store nothing and send nothing")
	cmd.Flags().BoolVar(&update, "update-customer", false, "update differing fields of a known customer, as customer update does")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "update-customer")
	return cmd
}

// termsInput holds a plan's terms from flags or from a file.
type termsInput struct {
	flagged                terms.Terms
	kind, currency, file   string
	remainder, businessDay string
	catchUp                string
	connect                billing.Connect
	charges                []string
}

// flags adds the flags of a plan's terms.
func (in *termsInput) flags(f *pflag.FlagSet) {
	termsFlags(f, &in.flagged)
	f.StringVar(&in.kind, "kind", "", "`KIND`: installments, deposit, recurring or deferred")
	f.StringVar(&in.flagged.Account, "account", "", "the connected `ACCOUNT` (acct_…) that makes the payments (direct charges)")
	f.StringVar(&in.connect.TransferDestination, "transfer-destination", "", "the connected `ACCOUNT` (acct_…) that receives the money")
	f.Int64Var(&in.connect.TransferAmount, "transfer-amount", 0, "`AMOUNT` of each charge to transfer; default: the whole charge")
	f.Int64Var(&in.connect.ApplicationFee, "application-fee", 0, "`AMOUNT` that the platform keeps of each charge")
	f.StringVar(&in.connect.ApplicationFeePercent, "application-fee-percent", "", "the `SHARE` that the platform keeps of each charge, such as 2.5")
	f.StringVar(&in.connect.OnBehalfOf, "on-behalf-of", "", "the connected `ACCOUNT` whose name and country the payment has")
	f.StringVar(&in.remainder, "remainder", "", "`WHERE` to put cents that do not divide: first, last or spread")
	f.StringVar(&in.businessDay, "business-day", "", "`RULE` for weekends and holidays: following, preceding or modified_following")
	f.StringVar(&in.catchUp, "catch-up", "", "`HOW` to charge periods that an outage missed: daily, all, latest or none")
	f.StringVar(&in.currency, "currency", "", "ISO `CODE`, such as usd")
	f.StringArrayVar(&in.charges, "charge", nil, "one `AMOUNT[@DATE]` of a list of charges; repeat it, the first without a date")
	f.StringVar(&in.file, "file", "", "read the plan as JSON from this `FILE`; - is standard input")
}

// given lists the flags that were used.
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

// terms reads the plan's terms. Errors: usageError if they can't be read. The caller validates
// them.
func (c *cli) terms(f *pflag.FlagSet, in termsInput) (terms.Terms, error) {
	t := in.flagged
	t.Kind, t.Currency = billing.PlanKind(in.kind), money.CurrencyOf(in.currency)
	if !in.connect.IsZero() {
		t.Connect = &in.connect
	}
	t.Remainder, t.BusinessDay = money.Remainder(in.remainder), calendar.BusinessDay(in.businessDay)
	t.CatchUp = billing.CatchUpOf(in.catchUp)
	if err := parseCharges(&t, in.charges); err != nil || in.file == "" {
		return t, err
	}
	// The file holds the whole plan, so flags of a plan's terms would be ignored.
	if also := slices.DeleteFunc(in.given(f), func(name string) bool { return name == "--file" }); len(also) > 0 {
		return t, usageError{fmt.Errorf("--file holds the whole plan: leave out %s", strings.Join(also, " "))}
	}
	err := c.readTerms(in.file, &t)
	return t, err
}

// termsFlags are the terms whose flag is a plain text or number.
func termsFlags(f *pflag.FlagSet, t *terms.Terms) {
	f.StringVar(&t.Reference, "reference", "", "your `NAME` for the plan, such as an order number")
	f.Int64Var(&t.Total, "total", 0, "`AMOUNT` of all charges together")
	f.IntVar(&t.Parts, "parts", 0, "`NUMBER` of charges in all")
	f.StringVar(&t.Every, "every", "", "`INTERVAL` between charges, such as \"1 month\"")
	f.Int64Var(&t.FirstAmount, "first-amount", 0, "`AMOUNT` of the first charge, if it differs from the others")
	f.Int64Var(&t.Deposit, "deposit", 0, "`AMOUNT` that is paid first")
	f.StringVar(&t.DepositPercent, "deposit-percent", "", "the `SHARE` of the total that is paid first, such as 20 or 12.5")
	f.StringVar(&t.BalanceDue, "balance-due", "", "`WHEN` the balance is charged: a date, \"30 days before 2026-12-20\" or \"on request\"")
	f.Int64Var(&t.Amount, "amount", 0, "`AMOUNT` of each charge of a recurring plan")
	f.StringVar(&t.Until, "until", "", "the last possible due `DATE` of a recurring charge")
	f.StringVar(&t.Trial, "trial", "", "`SPAN` before the first charge of a recurring plan, such as \"14 days\"")
	f.StringVar(&t.Due, "due", "", "`WHEN` a deferred plan is charged, like --balance-due")
	f.StringVar(&t.Starts, "starts", "", "`DATE` of the first charge, if it is not paid in the checkout")
	f.StringVar(&t.ExpiresAfter, "expires-after", "", "`SPAN` after which an unpaid plan is canceled, such as \"2 hours\" or \"7 days\"")
	f.StringVar(&t.Card, "card", "", "a saved `CARD` (card_…, pm_… or default): nothing is paid in the checkout")
	f.StringVar(&t.Policy, "policy", "", "`NAME` of the dunning policy, from tranche dunning policies")
	f.BoolVar(&t.BackupCardsAllowed, "backup-cards-allowed", false, "the customer agreed that another saved card may be charged")
	f.StringVar(&t.Description, "description", "", "`TEXT` about the plan's purpose: for the page, mails and Stripe")
	f.StringVar(&t.Customer.Reference, "customer", "", "your `NAME` for the customer")
	f.StringVar(&t.Customer.Email, "email", "", "the customer's e-mail `ADDRESS`")
	f.StringVar(&t.Customer.Name, "name", "", "the customer's `NAME`")
	f.StringVar(&t.Customer.Locale, "locale", "", "the customer's `LOCALE`, such as en-GB")
	f.StringVar(&t.Customer.StripeCustomer, "stripe-customer", "", "the customer's `ID` at Stripe (cus_…), if known")
	f.StringVar(&t.Customer.TimeZone, "timezone", "", "the customer's time `ZONE`, such as Europe/London")
}

func parseCharges(t *terms.Terms, list []string) error {
	for _, entry := range list {
		text, due, _ := strings.Cut(entry, "@")
		amount, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return usageError{fmt.Errorf("--charge %q is not AMOUNT or AMOUNT@DATE", entry)}
		}
		t.Charges = append(t.Charges, terms.Charge{Amount: amount, Due: due})
	}
	return nil
}

// readTerms reads the whole plan from a file.
func (c *cli) readTerms(file string, t *terms.Terms) error {
	in := c.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return usageError{err}
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	doc, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	if faults := plaintext.JSONFaults(doc); len(faults) > 0 {
		return &billing.InvalidError{Fields: faults}
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	*t = terms.Terms{}
	err = dec.Decode(t)
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

// draftView is the JSON of a charge in a dry run. due_at is null if the charge is due on request.
type draftView struct {
	Sequence int        `json:"sequence"`
	Amount   int64      `json:"amount"`
	DueAt    *time.Time `json:"due_at"`
	Checkout bool       `json:"checkout,omitempty"`
}

func (c *cli) printDraft(t terms.Terms, draft terms.Draft) error {
	if c.json {
		list := make([]draftView, len(draft.Charges))
		for i, d := range draft.Charges {
			list[i] = draftView{Sequence: i + 1, Amount: d.Amount, Checkout: d.Checkout}
			if !d.DueAt.IsZero() {
				list[i].DueAt = &d.DueAt
			}
		}
		out := map[string]any{"dry_run": true, "charges": list}
		if warnings := terms.Warnings(t.Currency); len(warnings) > 0 {
			out["warnings"] = warnings
		}
		if v := view.NewRecurrence(draft.Recurrence); v != nil {
			out["recurrence"] = v
		}
		return c.printJSON(out)
	}
	tab := newTable("#", "AMOUNT", "DUE")
	for i, d := range draft.Charges {
		due := dueTime(d.DueAt, t.Customer.TimeZone)
		if d.Checkout {
			due = "at once, in the checkout"
		}
		tab.add(strconv.Itoa(i+1), money.FormatAmount(d.Amount, t.Currency), due)
	}
	tab.print(c.out)
	if line := goesOn(draft.Recurrence, t.Currency); line != "" {
		fmt.Fprintln(c.out, line)
	}
	c.warn(terms.Warnings(t.Currency))
	fmt.Fprintln(c.talk, "dry run: nothing was stored or sent")
	return nil
}

// goesOn describes the charges of a recurring plan after the listed ones; empty if there are none.
func goesOn(r schedule.Recurrence, currency money.Currency) string {
	if r.IsZero() {
		return ""
	}
	line := fmt.Sprintf("then %s every %s", money.FormatAmount(r.Amount, currency), strings.TrimPrefix(r.Every.String(), "1 "))
	switch {
	case r.Left > 0:
		line += fmt.Sprintf(", %d times", r.Left)
	case r.Until.IsZero():
		line += ", until it is canceled"
	}
	if !r.Until.IsZero() {
		line += fmt.Sprintf(", until %s", r.Until)
	}
	return line
}

// warn prints the warnings about a plan, for the merchant before the plan is sold.
func (c *cli) warn(warnings []string) {
	for _, w := range warnings {
		fmt.Fprintf(c.talk, "tranche: warning: %s\n", w)
	}
}

func (c *cli) printCreated(p planning.Created) error {
	if c.json {
		return c.printJSON(view.NewCreatedPlan(p))
	}
	c.printPlan(p.Details)
	c.warn(terms.Warnings(p.Plan.Currency))
	switch {
	case p.FirstPayment.ID != "":
		fmt.Fprintf(c.out, "\nFirst payment  %s (%s)\nClient secret  %s\n", p.FirstPayment.ID, p.FirstPayment.Status, p.FirstPayment.ClientSecret.Reveal())
	case p.Setup.ID != "":
		fmt.Fprintf(c.out, "\nSetup          %s (%s)\nClient secret  %s\n", p.Setup.ID, p.Setup.Status, p.Setup.ClientSecret.Reveal())
	}
	return nil
}

func (c *cli) planListCommand() *cobra.Command {
	var status string
	var limit int
	var cursor string
	cmd := &cobra.Command{
		Use: "list", Short: "List plans, newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkList(limit, status, billing.PlanAwaitingFirstPayment, billing.PlanActive, billing.PlanPastDue, billing.PlanPaused,
				billing.PlanCompleted, billing.PlanCanceled, billing.PlanDefaulted); err != nil {
				return err
			}
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				plans, err := s.Plans(cmd.Context(), billing.PlanFilter{Status: billing.PlanStatus(status), Limit: limit, Before: billing.PlanID(cursor)})
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
	cmd.Flags().StringVar(&cursor, "cursor", "", "only plans older than this `ID`")
	return cmd
}

func (c *cli) printPlans(details []billing.Details) error {
	if c.json {
		views := make([]view.Plan, len(details))
		for i, d := range details {
			views[i] = view.NewPlan(d)
		}
		return c.printJSON(view.List[view.Plan]{Object: "list", Data: views})
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
			money.FormatAmount(paid, d.Plan.Currency), money.FormatAmount(d.Plan.Total, d.Plan.Currency), next)
	}
	tab.print(c.out)
	return nil
}

func (c *cli) planShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show PLAN", Short: "Show a plan, by id or by your reference, with charges and history", Args: oneArg("plan"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				plan, err := billing.FindPlan(cmd.Context(), s, args[0])
				if err != nil {
					return err
				}
				details, err := billing.LoadDetails(cmd.Context(), s, plan.ID)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(view.NewPlan(details))
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
	fmt.Fprintf(c.out, "%s  %s  %s  %s  %s\n", d.Plan.ID, d.Plan.Reference, d.Plan.Kind, d.Plan.Status, money.FormatAmount(d.Plan.Total, d.Plan.Currency))
	if text := d.Plan.Description(); text != "" {
		fmt.Fprintf(c.out, "%s\n", text)
	}
	if d.Plan.Reason != "" {
		fmt.Fprintf(c.out, "%s\n", d.Plan.Reason)
	}
	if d.Plan.Account != "" {
		fmt.Fprintf(c.out, "In the account of %s\n", d.Plan.Account)
	}
	if d.Plan.Connect.TransferDestination != "" {
		fmt.Fprintf(c.out, "For %s\n", d.Plan.Connect.TransferDestination)
	}
	fmt.Fprintf(c.out, "Customer %s %s %s\n\n", d.Customer.Reference, d.Customer.Name, d.Customer.Email)
	tab := newTable("#", "CHARGE", "AMOUNT", "DUE", "STATUS", "ATTEMPTS", "NEXT", "WHY")
	for _, ch := range d.Charges {
		tab.add(strconv.Itoa(ch.Sequence), string(ch.ID), money.FormatAmount(ch.Amount, ch.Currency), dueTime(ch.DueAt, d.Customer.TimeZone),
			string(ch.Status), strconv.Itoa(ch.AttemptCount), localTime(ch.NextAttemptAt, d.Customer.TimeZone), ch.Reason)
	}
	tab.print(c.out)
	if line := goesOn(d.Plan.Recurrence, d.Plan.Currency); line != "" {
		fmt.Fprintln(c.out, line)
	}
	printIncidents(c.out, d.Incidents)
}

// auditLine formats an audit entry for people.
func auditLine(e billing.AuditEntry, zone string) string {
	line := fmt.Sprintf("%s  %s  %s", localTime(e.At, zone), e.Party(), e.Message)
	if e.Next != "" {
		line += " -> " + e.Next
	}
	return line
}

// dueTime formats the due time of a charge.
func dueTime(t time.Time, zone string) string {
	if t.IsZero() {
		return "on request"
	}
	return localTime(t, zone)
}

// localTime formats an instant in the customer's time zone; empty for the zero time.
func localTime(t time.Time, zone string) string {
	if t.IsZero() {
		return ""
	}
	return t.In(billing.LoadLocation(zone)).Format("2006-01-02 15:04 MST")
}

// planFilter returns the id of the plan that a list is limited to, by id or reference; "" for none.
// Errors: billing.ErrNotFound.
func planFilter(ctx context.Context, s billing.Store, name string) (billing.PlanID, error) {
	if name == "" {
		return "", nil
	}
	plan, err := billing.FindPlan(ctx, s, name)
	return plan.ID, err
}
