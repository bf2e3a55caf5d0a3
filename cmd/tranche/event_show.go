package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store"
)

func (c *cli) eventShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show EVENT", Short: "Show an event with its body, as sent by Stripe, without secrets", Args: oneArg("event"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withStore(cmd.Context(), func(_ config.Config, s *store.Store) error {
				e, err := s.Event(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return c.printEvent(e)
			})
		},
	}
}

// eventBody is the JSON of an event with its body.
type eventBody struct {
	eventView
	APIVersion string          `json:"api_version,omitempty"`
	Livemode   bool            `json:"livemode"`
	CreatedAt  time.Time       `json:"created_at,omitzero"`
	HandledAt  time.Time       `json:"handled_at,omitzero"`
	NextTryAt  time.Time       `json:"next_try_at,omitzero"`
	Payload    json.RawMessage `json:"payload,omitempty"`
}

func (c *cli) printEvent(e billing.Event) error {
	if c.json {
		return c.printJSON(eventBody{
			eventView:  eventView{e.ID, e.Type, e.ObjectID, e.Status, e.Reason, e.Attempts, e.ReceivedAt},
			APIVersion: e.APIVersion, Livemode: e.Livemode, CreatedAt: e.CreatedAt, HandledAt: e.HandledAt, NextTryAt: e.ClaimAfter,
			Payload: e.Payload,
		})
	}
	fmt.Fprintf(c.out, "%s  %s  %s  %s\n", e.ID, e.Type, e.ObjectID, e.Status)
	if e.Reason != "" {
		fmt.Fprintf(c.out, "Why       %s\n", e.Reason)
	}
	fmt.Fprintf(c.out, "Created   %s\nReceived  %s\n", localTime(e.CreatedAt, ""), localTime(e.ReceivedAt, ""))
	if e.Attempts > 0 {
		fmt.Fprintf(c.out, "Failed    %d times\n", e.Attempts)
	}
	if !e.ClaimAfter.IsZero() {
		fmt.Fprintf(c.out, "Next try  %s\n", localTime(e.ClaimAfter, ""))
	}
	if !e.HandledAt.IsZero() {
		fmt.Fprintf(c.out, "Handled   %s\n", localTime(e.HandledAt, ""))
	}
	var body bytes.Buffer
	if json.Indent(&body, e.Payload, "", "  ") == nil {
		fmt.Fprintf(c.out, "\n%s\n", body.Bytes())
	}
	return nil
}

func (c *cli) eventRetryCommand() *cobra.Command {
	return &cobra.Command{
		Use: "retry EVENT", Short: "Handle an event again", Args: oneArg("event"),
		Long: `Make an event pending again, so that a running serve handles it at once: a failed event whose cause is fixed, or any
other. Handlers fetch the current object and only apply forward transitions, so a repeated event does nothing twice.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withOperator(cmd.Context(), func(_ *store.Store, o *operator.Operator) error {
				e, _, err := o.RetryEvent(cmd.Context(), args[0], 0)
				if err != nil {
					return err
				}
				return c.printEvents([]billing.Event{e})
			})
		},
	}
}
