package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store"
	"tranche/internal/view"
)

func (c *cli) incidentCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "incident", Short: "List, show and close incidents, which a person must resolve", Args: noArgs,
		Long: `Incidents are faults that a person must resolve, such as a second payment or a failed refund. An open incident is an
alarm until its cause is gone or it is closed here.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.incidentListCommand(), c.incidentShowCommand(), c.incidentCloseCommand())
	return cmd
}

func (c *cli) incidentListCommand() *cobra.Command {
	var f billing.IncidentFilter
	var kind, plan, cursor string
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: "List open incidents, newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkList[billing.IncidentKind](f.Limit, ""); err != nil {
				return err
			}
			if kind != "" && !slices.Contains(billing.IncidentKinds(), billing.IncidentKind(kind)) {
				return usageError{fmt.Errorf("--kind %q is none of %q", kind, billing.IncidentKinds())}
			}
			f.Open, f.Kind, f.Before = !all, billing.IncidentKind(kind), billing.IncidentID(cursor)
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				var err error
				if f.Plan, err = planFilter(cmd.Context(), s, plan); err != nil {
					return err
				}
				limit := f.Limit
				f.Limit = min(limit+1, billing.MaxPage)
				incidents, err := s.Incidents(cmd.Context(), f)
				if err != nil {
					return err
				}
				list := view.NewIncidents(incidents, min(limit, billing.MaxPage-1))
				if c.json {
					return c.printJSON(list)
				}
				tab := newTable("INCIDENT", "KIND", "ABOUT", "PLAN", "OPENED", "CLOSED", "WHAT")
				for _, i := range incidents[:len(list.Data)] {
					tab.add(string(i.ID), string(i.Kind), i.Subject, string(i.PlanID), localTime(i.OpenedAt, ""), localTime(i.ClosedAt, ""), i.Detail)
				}
				tab.print(c.out)
				if list.HasMore {
					fmt.Fprintf(c.talk, "there are more: --cursor %s\n", list.Next)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "include closed incidents")
	cmd.Flags().StringVar(&kind, "kind", "", "only incidents of this `KIND`: "+kindNames())
	cmd.Flags().StringVar(&plan, "plan", "", "only incidents of this `PLAN`, by id or by your reference")
	cmd.Flags().StringVar(&cursor, "cursor", "", "only incidents older than this `ID`")
	cmd.Flags().IntVar(&f.Limit, "limit", 50, "at most this `NUMBER` (500 at most)")
	return cmd
}

func kindNames() string {
	var names []string
	for _, k := range billing.IncidentKinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

func (c *cli) incidentShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show INCIDENT", Short: "Show an incident and how to resolve it", Args: oneArg("incident"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				i, err := s.Incident(cmd.Context(), billing.IncidentID(args[0]))
				if err != nil {
					return err
				}
				return c.printIncident(i)
			})
		},
	}
}

func (c *cli) incidentCloseCommand() *cobra.Command {
	var note string
	var yes bool
	cmd := &cobra.Command{
		Use: "close INCIDENT", Short: "Close an incident that you have resolved", Args: oneArg("incident"),
		Long: `Close an incident that you have resolved; its alarm ends. Only the record changes: nothing is charged, refunded or sent to a
customer. Closing a closed incident changes nothing.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withOperator(cmd.Context(), func(s *store.Store, o *operator.Operator) error {
				i, err := s.Incident(cmd.Context(), billing.IncidentID(args[0]))
				if err != nil {
					return err
				}
				if !yes && i.Open() {
					fmt.Fprintf(c.talk, "%s about %s: %s\n", i.Kind, i.Subject, i.Detail)
					if ask := operator.Find(operator.NounIncident, operator.OpClose).Confirm; !c.confirmed(ask.Question, ask.Word) {
						return errors.New("nothing was changed")
					}
				}
				closed, err := o.CloseIncident(cmd.Context(), i.ID, note)
				if err != nil {
					return err
				}
				return c.printIncident(closed)
			})
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "`TEXT` for the record: how it was resolved")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (c *cli) printIncident(i billing.Incident) error {
	if c.json {
		return c.printJSON(view.NewIncident(i))
	}
	fmt.Fprintf(c.out, "%s  %s  %s\n", i.ID, i.Kind, i.Subject)
	for _, line := range [][2]string{
		{"Plan     ", string(i.PlanID)}, {"Charge   ", string(i.ChargeID)}, {"Customer ", string(i.CustomerID)}, {"Account  ", i.Account},
		{"Opened   ", localTime(i.OpenedAt, "")}, {"What     ", i.Detail}, {"Do       ", i.Remedy}, {"Closed   ", localTime(i.ClosedAt, "")},
		{"By       ", string(i.ClosedBy)}, {"Note     ", i.Note},
	} {
		if line[1] != "" {
			fmt.Fprintf(c.out, "%s %s\n", line[0], line[1])
		}
	}
	return nil
}

// printIncidents prints the open incidents of a plan or charge.
func printIncidents(w io.Writer, incidents []billing.Incident) {
	for _, i := range incidents {
		fmt.Fprintf(w, "\nIncident %s  %s: %s\n  -> %s\n", i.ID, i.Kind, i.Detail, i.Remedy)
	}
}
