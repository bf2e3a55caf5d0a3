package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/view"
)

func (c *cli) deliveryCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "delivery", Short: "List, show and resend messages to your endpoints", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.deliveryListCommand(), c.deliveryShowCommand(), c.deliveryReplayCommand())
	return cmd
}

func (c *cli) deliveryListCommand() *cobra.Command {
	var f billing.DeliveryFilter
	var status, endpoint, message, cursor string
	cmd := &cobra.Command{
		Use: "list", Short: "List deliveries, newest first, with the endpoint's response", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkList(f.Limit, status, billing.DeliveryStatuses()...); err != nil {
				return err
			}
			f.Status, f.Endpoint = billing.DeliveryStatus(status), billing.EndpointID(endpoint)
			f.Message, f.Before = billing.MessageID(message), billing.DeliveryID(cursor)
			return c.withEndpoints(cmd.Context(), config.Needs{}, func(o *operator.Endpoints, _ time.Time) error {
				deliveries, err := o.Store.Deliveries(cmd.Context(), f)
				if err != nil {
					return err
				}
				return c.printDeliveries(deliveries)
			})
		},
	}
	cmd.Flags().StringVar(&status, "status", "", "only deliveries in this `STATUS`: pending, delivered or failed")
	cmd.Flags().StringVar(&endpoint, "endpoint", "", "only deliveries to this endpoint `ID`")
	cmd.Flags().StringVar(&message, "message", "", "only deliveries of this message `ID`")
	cmd.Flags().StringVar(&cursor, "cursor", "", "only deliveries older than this `ID`")
	cmd.Flags().IntVar(&f.Limit, "limit", 50, "at most this `NUMBER` (500 at most)")
	return cmd
}

func (c *cli) printDeliveries(deliveries []billing.WebhookDelivery) error {
	if c.json {
		views := make([]view.Delivery, len(deliveries))
		for i, d := range deliveries {
			views[i] = view.NewDelivery(d)
		}
		return c.printJSON(view.List[view.Delivery]{Object: "list", Data: views})
	}
	tab := newTable("DELIVERY", "CREATED", "TYPE", "ENDPOINT", "STATUS", "TRIES", "NEXT", "WHY")
	for _, d := range deliveries {
		tab.add(string(d.ID), localTime(d.CreatedAt, ""), d.Type, string(d.EndpointID), string(d.Status), strconv.Itoa(d.Attempts),
			localTime(d.NextAttemptAt, ""), d.LastError)
	}
	tab.print(c.out)
	return nil
}

func (c *cli) deliveryShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show DELIVERY", Short: "Show a delivery with its message", Args: oneArg("delivery"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withEndpoints(cmd.Context(), config.Needs{}, func(o *operator.Endpoints, _ time.Time) error {
				out, err := o.Store.Outgoing(cmd.Context(), billing.DeliveryID(args[0]))
				if err != nil {
					return err
				}
				return c.printDelivery(out)
			})
		},
	}
}

func (c *cli) printDelivery(out billing.Outgoing) error {
	d := out.Delivery
	if c.json {
		v := view.NewDelivery(d)
		v.Payload = out.Message.Payload
		return c.printJSON(v)
	}
	fmt.Fprintf(c.out, "%s  %s  %s\nTo         %s  %s\nMessage    %s\nCreated    %s\n", d.ID, d.Type, d.Status, out.Endpoint.ID, out.Endpoint.URL,
		d.MessageID, localTime(d.CreatedAt, ""))
	answer := ""
	if d.LastStatus != 0 {
		answer = strconv.Itoa(d.LastStatus)
	}
	for _, line := range [][2]string{
		{"Last try ", localTime(d.LastAttemptAt, "")}, {"Answer   ", answer}, {"Why      ", d.LastError},
		{"Next try ", localTime(d.NextAttemptAt, "")}, {"Delivered", localTime(d.DeliveredAt, "")},
	} {
		if line[1] != "" {
			fmt.Fprintf(c.out, "%s  %s\n", line[0], line[1])
		}
	}
	fmt.Fprintf(c.out, "Tries      %d\n", d.Attempts)
	var body bytes.Buffer
	if json.Indent(&body, out.Message.Payload, "", "  ") == nil {
		fmt.Fprintf(c.out, "\n%s\n", body.Bytes())
	}
	return nil
}

func (c *cli) deliveryReplayCommand() *cobra.Command {
	var endpoint, since string
	var delivered bool
	cmd := &cobra.Command{
		Use: "replay [DELIVERY]", Short: "Resend a delivery, or all messages that an endpoint missed",
		Long: `Resend one delivery, or with --endpoint and --since all messages since that time that the endpoint has not accepted, including
messages that were never sent; with --delivered also those it accepted. A running serve sends them at once. The webhook-id
stays the same, so a receiver that stores ids recognizes repeated messages. Messages are kept for 30 days.`,
		Example: `  tranche delivery replay dlv_06eahexp7ddw6z9n7ay1k3n5n4
  tranche delivery replay --endpoint ep_06eahexp7cwzkxpqjvcnh9tcw0 --since 2026-05-01T08:00:00Z`,
		RunE: func(cmd *cobra.Command, args []string) error {
			many := endpoint != "" || since != "" || delivered
			switch {
			case many && len(args) > 0, len(args) > 1, !many && len(args) == 0:
				return usageError{errors.New("give one delivery, or --endpoint and --since")}
			case !many:
				return c.replayOne(cmd, billing.DeliveryID(args[0]))
			case endpoint == "" || since == "":
				return usageError{errors.New("--endpoint and --since go together")}
			}
			from, err := time.Parse(time.RFC3339, since)
			if err != nil {
				return usageError{fmt.Errorf("--since %q is not an RFC 3339 time, such as 2026-05-01T08:00:00Z", since)}
			}
			return c.replayMany(cmd, billing.EndpointID(endpoint), from, delivered)
		},
	}
	cmd.Flags().StringVar(&endpoint, "endpoint", "", "all messages that this endpoint `ID` missed")
	cmd.Flags().StringVar(&since, "since", "", "messages of this `TIME` or later, such as 2026-05-01T08:00:00Z")
	cmd.Flags().BoolVar(&delivered, "delivered", false, "also messages that were delivered")
	return cmd
}

func (c *cli) replayOne(cmd *cobra.Command, id billing.DeliveryID) error {
	return c.withEndpoints(cmd.Context(), config.Needs{}, func(o *operator.Endpoints, _ time.Time) error {
		d, err := o.Replay(cmd.Context(), id)
		if err != nil {
			return err
		}
		fmt.Fprintln(c.talk, "the delivery is due now; a running serve sends it")
		return c.printDeliveries([]billing.WebhookDelivery{d})
	})
}

func (c *cli) replayMany(cmd *cobra.Command, id billing.EndpointID, since time.Time, delivered bool) error {
	return c.withEndpoints(cmd.Context(), config.Needs{}, func(o *operator.Endpoints, _ time.Time) error {
		n, err := o.ReplaySince(cmd.Context(), id, since, delivered)
		if err != nil {
			return endedEarly(err, n > 0)
		}
		if c.json {
			return c.printJSON(map[string]int{"replayed": n})
		}
		fmt.Fprintf(c.out, "%d messages are due now; a running serve sends them\n", n)
		return nil
	})
}
