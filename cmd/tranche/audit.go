package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/store"
	"tranche/internal/view"
)

func (c *cli) auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "List operations and their actors", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.auditListCommand())
	return cmd
}

func (c *cli) auditListCommand() *cobra.Command {
	var f billing.AuditFilter
	var actor, plan string
	cmd := &cobra.Command{
		Use: "list", Short: "List audit entries, newest first", Args: noArgs,
		Long: `List the entries of the audit trail, newest first: changes of plans, and operations on endpoints, deliveries, events,
exports and the database's binding. docs/audit.md describes actors and entries; tranche export audit writes all entries.`,
		Example: `  tranche audit list --actor cli:ada@ops1
  tranche audit list --subject ep_06eahexp7cwzkxpqjvcnh9tcw0
  tranche audit list --plan order-1042 --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkList[billing.Actor](f.Limit, ""); err != nil {
				return err
			}
			if f.Before < 0 {
				return usageError{fmt.Errorf("--cursor %d is not the number of an entry", f.Before)}
			}
			f.Actor, f.NewestFirst = billing.Actor(actor), true
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				var err error
				if f.Plan, err = planFilter(cmd.Context(), s, plan); err != nil {
					return err
				}
				limit := f.Limit
				f.Limit = min(limit+1, billing.MaxPage)
				entries, err := s.AuditTrail(cmd.Context(), f)
				if err != nil {
					return err
				}
				return c.printAudit(entries, min(limit, billing.MaxPage-1))
			})
		},
	}
	cmd.Flags().StringVar(&actor, "actor", "", "only entries of this `ACTOR`, such as key:1f0c9a44d2b7 or cli:ada@ops1")
	cmd.Flags().StringVar(&f.Subject, "subject", "", "only entries about this `ID` of an endpoint, delivery or event, table of an export, or database")
	cmd.Flags().StringVar(&plan, "plan", "", "only entries of this `PLAN`, by id or by your reference")
	cmd.Flags().Int64Var(&f.Before, "cursor", 0, "only entries older than this `NUMBER` (seq)")
	cmd.Flags().IntVar(&f.Limit, "limit", 50, "at most this `NUMBER` (500 at most)")
	return cmd
}

// printAudit prints a page of entries. The caller reads one entry more than limit, which shows
// whether another page follows.
func (c *cli) printAudit(entries []billing.AuditEntry, limit int) error {
	list := view.NewAuditPage(entries, limit)
	if c.json {
		return c.printJSON(list)
	}
	tab := newTable("ENTRY", "TIME", "ACTOR", "ACTION", "ABOUT", "WHAT")
	for _, e := range entries[:len(list.Data)] {
		what := e.Message
		if e.Next != "" {
			what += " -> " + e.Next
		}
		tab.add(fmt.Sprint(e.Seq), localTime(e.At, ""), e.Party().String(), e.Action, e.About(), what)
	}
	tab.print(c.out)
	if list.HasMore {
		fmt.Fprintf(c.talk, "there are more: --cursor %s\n", list.Next)
	}
	return nil
}
