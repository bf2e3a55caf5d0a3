package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/store"
	"tranche/internal/view"
)

func (c *cli) noticeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "notice", Short: "List, preview, test and resend customers' mails", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var f billing.NoticeFilter
	var status, plan, charge, cursor string
	var full bool
	list := &cobra.Command{
		Use: "list", Short: "List notices, newest first", Args: noArgs,
		Long: "List notices, newest first. Without SMTP_URL they are stored and not mailed; read them here.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkList(f.Limit, status, billing.NoticePending, billing.NoticeSent, billing.NoticeKept, billing.NoticeFailed, billing.NoticeDropped); err != nil {
				return err
			}
			f.Status, f.Charge, f.Before = billing.NoticeStatus(status), billing.ChargeID(charge), billing.NoticeID(cursor)
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				var err error
				if f.Plan, err = planFilter(cmd.Context(), s, plan); err != nil {
					return err
				}
				notices, err := s.Notices(cmd.Context(), f)
				if err != nil {
					return err
				}
				return c.printNotices(notices, full)
			})
		},
	}
	list.Flags().StringVar(&status, "status", "", "only notices in this `STATUS`: pending, sent, kept or failed")
	list.Flags().StringVar(&plan, "plan", "", "only notices of this `PLAN`, by id or by your reference")
	list.Flags().StringVar(&charge, "charge", "", "only notices of this charge `ID`")
	list.Flags().StringVar(&cursor, "cursor", "", "only notices older than this `ID`")
	list.Flags().IntVar(&f.Limit, "limit", 50, "at most this `NUMBER` (500 at most)")
	list.Flags().BoolVar(&full, "full", false, "print the complete mails")
	cmd.AddCommand(list, c.noticeShowCommand(), c.noticeRetryCommand(), c.noticePreviewCommand(), c.noticeSendTestCommand())
	return cmd
}

func (c *cli) printNotices(notices []billing.Notice, full bool) error {
	if c.json {
		views := make([]view.Notice, len(notices))
		for i, n := range notices {
			views[i] = view.NewNotice(n)
		}
		return c.printJSON(view.List[view.Notice]{Object: "list", Data: views})
	}
	if full {
		for _, n := range notices {
			fmt.Fprintf(c.out, "%s  %s  %s\nTo: %s\nSubject: %s\n\n%s\n\n", n.ID, n.Status, localTime(n.CreatedAt, ""), n.To, n.Subject, n.Body)
		}
		return nil
	}
	tab := newTable("NOTICE", "CREATED", "KIND", "STATUS", "TO", "SUBJECT", "WHY")
	for _, n := range notices {
		tab.add(string(n.ID), localTime(n.CreatedAt, ""), string(n.Kind), string(n.Status), n.To, n.Subject, n.Reason)
	}
	tab.print(c.out)
	return nil
}
