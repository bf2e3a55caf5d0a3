package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/store"
	"tranche/internal/view"
)

func (c *cli) eventCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "event", Short: "Inspect and retry events in the inbox from Stripe", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var f billing.EventFilter
	var status string
	list := &cobra.Command{
		Use: "list", Short: "List events, newest first, with the reason if ignored or failed", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkList(f.Limit, status, billing.EventPending, billing.EventHandled, billing.EventIgnored, billing.EventFailed); err != nil {
				return err
			}
			f.Status = billing.EventStatus(status)
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				events, err := s.Events(cmd.Context(), f)
				if err != nil {
					return err
				}
				return c.printEvents(events)
			})
		},
	}
	list.Flags().StringVar(&status, "status", "", "only events in this `STATUS`: pending, handled, ignored or failed")
	list.Flags().StringVar(&f.Type, "type", "", "only events of this `TYPE`")
	list.Flags().IntVar(&f.Limit, "limit", 50, "at most this `NUMBER` (500 at most)")
	cmd.AddCommand(list, c.eventShowCommand(), c.eventRetryCommand(), c.eventBackfillCommand())
	return cmd
}

// eventView is the JSON of an event, without its body.
type eventView struct {
	ID         string              `json:"id"`
	Type       string              `json:"type"`
	ObjectID   string              `json:"object_id"`
	Status     billing.EventStatus `json:"status"`
	Reason     string              `json:"reason,omitempty"`
	Attempts   int                 `json:"attempts"`
	ReceivedAt time.Time           `json:"received_at"`
}

func (c *cli) printEvents(events []billing.Event) error {
	if c.json {
		views := make([]eventView, len(events))
		for i, e := range events {
			views[i] = eventView{e.ID, e.Type, e.ObjectID, e.Status, e.Reason, e.Attempts, e.ReceivedAt}
		}
		return c.printJSON(view.List[eventView]{Object: "list", Data: views})
	}
	tab := newTable("EVENT", "RECEIVED", "TYPE", "OBJECT", "STATUS", "FAILED TRIES", "WHY")
	for _, e := range events {
		tab.add(e.ID, localTime(e.ReceivedAt, ""), e.Type, e.ObjectID, string(e.Status), strconv.Itoa(e.Attempts), e.Reason)
	}
	tab.print(c.out)
	return nil
}
