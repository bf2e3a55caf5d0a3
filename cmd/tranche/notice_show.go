package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store"
	"tranche/internal/view"
)

func (c *cli) noticeShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show NOTICE", Short: "Show a notice with its mail", Args: oneArg("notice"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				n, err := s.Notice(cmd.Context(), billing.NoticeID(args[0]))
				if err != nil {
					return err
				}
				return c.printNotice(n)
			})
		},
	}
}

func (c *cli) printNotice(n billing.Notice) error {
	if c.json {
		return c.printJSON(view.NewNotice(n))
	}
	fmt.Fprintf(c.out, "%s  %s  %s\n", n.ID, n.Kind, n.Status)
	tries := ""
	if n.Attempts > 0 {
		tries = fmt.Sprint(n.Attempts)
	}
	for _, line := range [][2]string{
		{"Plan", string(n.PlanID)}, {"Charge", string(n.ChargeID)}, {"To", n.To}, {"Created", localTime(n.CreatedAt, "")},
		{"Sent", localTime(n.SentAt, "")}, {"Tries", tries}, {"Next try", localTime(n.ClaimAfter, "")}, {"Why", n.Reason},
		{"Subject", n.Subject},
	} {
		if line[1] != "" {
			fmt.Fprintf(c.out, "%-9s %s\n", line[0], line[1])
		}
	}
	if n.Body != "" {
		fmt.Fprintf(c.out, "\n%s", n.Body)
	}
	return nil
}

func (c *cli) noticeRetryCommand() *cobra.Command {
	return &cobra.Command{
		Use: "retry NOTICE", Short: "Resend a notice that could not be delivered", Args: oneArg("notice"),
		Long: `Resend a notice that could not be delivered, to the customer's current address. A running serve sends it within about a
second.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withOperator(cmd.Context(), func(_ *store.Store, o *operator.Operator) error {
				n, err := o.RetryNotice(cmd.Context(), billing.NoticeID(args[0]))
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(view.NewNotice(n))
				}
				fmt.Fprintf(c.talk, "notice %s will be sent to %s\n", n.ID, n.To)
				return nil
			})
		},
	}
}
