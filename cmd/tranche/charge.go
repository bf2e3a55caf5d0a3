package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/money"
	"tranche/internal/operator"
	"tranche/internal/store"
	"tranche/internal/view"
)

func (c *cli) chargeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "charge", Short: "List, show, change and retry charges", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.chargeListCommand(), c.chargeShowCommand(), c.chargeRetryCommand())
	cmd.AddCommand(c.chargeChangeCommands()...)
	return cmd
}

func (c *cli) chargeListCommand() *cobra.Command {
	var f billing.ChargeFilter
	var status, cursor string
	var overdue bool
	cmd := &cobra.Command{
		Use: "list", Short: "List charges, with the reason if one waits or failed", Args: noArgs,
		Long: `List charges, newest first. With --status, list charges that may still be paid, in due order. With --overdue, list charges
that should have been tried by now, starting with the one that has waited longest.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkList(f.Limit, status, billing.OpenChargeStatuses()...); err != nil {
				return err
			}
			if overdue && status != "" || cursor != "" && (overdue || status != "") {
				return usageError{errors.New("--status, --overdue and --cursor don't go together")}
			}
			f.Status, f.Before = billing.ChargeStatus(status), billing.ChargeID(cursor)
			return c.withStore(cmd.Context(), func(cfg config.Config, s *store.Store) error {
				clk, err := clock.Parse(cfg.Clock)
				if err != nil {
					return err
				}
				if overdue {
					f.Overdue = clk.Now()
				}
				charges, err := s.ListCharges(cmd.Context(), f)
				if err != nil {
					return err
				}
				return c.printCharges(charges)
			})
		},
	}
	cmd.Flags().StringVar(&status, "status", "", "only charges in this `STATUS`: scheduled, collecting, retrying, requires_action, requires_payment_method or failed")
	cmd.Flags().BoolVar(&overdue, "overdue", false, "only charges that should have been tried by now")
	cmd.Flags().StringVar(&cursor, "cursor", "", "only charges made before this `ID`")
	cmd.Flags().IntVar(&f.Limit, "limit", 50, "at most this `NUMBER` (500 at most)")
	return cmd
}

// chargeLine is the JSON of a charge in a list.
type chargeLine struct {
	view.Charge
	Plan billing.PlanID `json:"plan"`
}

// viewCharges returns the JSON of charges, with their attempts and incidents in d.
func viewCharges(charges []billing.Charge, d billing.Details) []chargeLine {
	lines := make([]chargeLine, len(charges))
	for i, ch := range charges {
		plan := view.NewPlan(billing.Details{Charges: []billing.Charge{ch}, Attempts: d.Attempts, Incidents: d.Incidents})
		lines[i] = chargeLine{plan.Charges[0], ch.PlanID}
	}
	return lines
}

func (c *cli) printCharges(charges []billing.Charge) error {
	if c.json {
		return c.printJSON(view.List[chargeLine]{Object: "list", Data: viewCharges(charges, billing.Details{})})
	}
	tab := newTable("CHARGE", "PLAN", "#", "AMOUNT", "DUE", "STATUS", "ATTEMPTS", "NEXT", "WHY")
	for _, ch := range charges {
		tab.add(string(ch.ID), string(ch.PlanID), strconv.Itoa(ch.Sequence), money.FormatAmount(ch.Amount, ch.Currency),
			dueTime(ch.DueAt, ""), string(ch.Status), strconv.Itoa(ch.AttemptCount), localTime(ch.NextAttemptAt, ""), ch.Reason)
	}
	tab.print(c.out)
	return nil
}

func (c *cli) chargeShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show CHARGE", Short: "Show a charge, its attempts and why it waits or failed", Args: oneArg("charge"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				ch, err := s.Charge(cmd.Context(), billing.ChargeID(args[0]))
				if err != nil {
					return err
				}
				d, err := billing.LoadDetails(cmd.Context(), s, ch.PlanID)
				if err != nil {
					return err
				}
				trail, err := billing.WholeTrail(cmd.Context(), s, ch.PlanID)
				if err != nil {
					return err
				}
				return c.printCharge(ch, d, slices.DeleteFunc(trail, func(e billing.AuditEntry) bool { return e.ChargeID != ch.ID }))
			})
		},
	}
}

func (c *cli) printCharge(ch billing.Charge, d billing.Details, trail []billing.AuditEntry) error {
	if c.json {
		return c.printJSON(viewCharges([]billing.Charge{ch}, d)[0])
	}
	zone := d.Customer.TimeZone
	fmt.Fprintf(c.out, "%s  charge %d of %d of plan %s  %s  %s\n", ch.ID, ch.Sequence, len(d.Charges), d.Plan.Reference,
		money.FormatAmount(ch.Amount, ch.Currency), ch.Status)
	fmt.Fprintf(c.out, "Due       %s\n", dueTime(ch.DueAt, zone))
	for _, line := range [][2]string{
		{"Next try ", localTime(ch.NextAttemptAt, zone)}, {"Paid     ", localTime(ch.PaidAt, zone)},
		{"Payment  ", ch.PaymentIntent}, {"Why      ", ch.Reason},
	} {
		if line[1] != "" {
			fmt.Fprintf(c.out, "%s %s\n", line[0], line[1])
		}
	}
	fmt.Fprintln(c.out)
	c.printAttempts(d.Attempts[ch.ID], zone)
	printIncidents(c.out, d.IncidentsOf(ch.ID))
	fmt.Fprintln(c.out)
	for _, e := range trail {
		fmt.Fprintln(c.out, auditLine(e, zone))
	}
	return nil
}

func (c *cli) printAttempts(attempts []billing.Attempt, zone string) {
	tab := newTable("ATTEMPT", "MADE", "BY", "SENT", "OUTCOME", "CODE", "STRIPE SAYS", "REQUEST")
	for _, a := range attempts {
		tab.add(strconv.Itoa(a.Number), localTime(a.CreatedAt, zone), string(a.Initiator), strconv.Itoa(a.SendCount), string(a.Outcome),
			a.Failure.Cause(), a.Failure.Message, a.RequestID)
	}
	tab.print(c.out)
}

func (c *cli) chargeRetryCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "retry CHARGE", Short: "Retry a charge at once", Args: oneArg("charge"),
		Long: `Make a charge due now that failed, waits for the customer or was deferred. A running serve then tries it with the saved
card, on the same PaymentIntent. The command is refused, with the reason, if the charge is paid or stopped, if an earlier
attempt may still succeed, if the plan does not collect, or if there is no active card.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withOperator(cmd.Context(), func(s *store.Store, o *operator.Operator) error {
				id := billing.ChargeID(args[0])
				if _, err := o.With(operator.Options{DryRun: true}).Retry(cmd.Context(), id); err != nil {
					return err
				}
				if !yes && !c.mayRetry(cmd, s, id) {
					return errors.New("nothing was changed")
				}
				ch, err := o.Retry(cmd.Context(), id)
				if err != nil {
					return err
				}
				fmt.Fprintln(c.talk, "the charge is due now; a running serve tries it")
				return c.printCharges([]billing.Charge{ch})
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// mayRetry shows the charge and asks for confirmation.
func (c *cli) mayRetry(cmd *cobra.Command, s *store.Store, id billing.ChargeID) bool {
	ch, err := s.Charge(cmd.Context(), id)
	if err != nil {
		return false
	}
	fmt.Fprintf(c.talk, "charge %d of plan %s, %s, is %s: %s\n", ch.Sequence, ch.PlanID, money.FormatAmount(ch.Amount, ch.Currency), ch.Status, ch.Reason)
	ask := operator.Find(operator.NounCharge, operator.OpRetry).Confirm
	return c.confirmed(ask.Question, ask.Word)
}
