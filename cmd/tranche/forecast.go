package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/view"
)

// forecastInput holds the flags of a forecast.
type forecastInput struct {
	req      view.ForecastRequest
	terms    termsInput
	branches bool
}

func (c *cli) forecastCommand() *cobra.Command {
	var in forecastInput
	cmd := &cobra.Command{
		Use:   "forecast [PLAN]",
		Short: "Predict a plan's charges and mails, and effects of declines",
		Long: `Predict the course of an existing plan, by id or by your reference, or of a proposed plan, by the flags or the file of
plan create. The production code simulates a copy of the plan. Nothing is written or sent, and Stripe is not called. For
each charge the forecast also shows the effect of a decline: retries, mails, the deadline, and the result for the plan
and the later charges.`,
		Example: `  tranche forecast order-1042
  tranche forecast order-1042 --decline expired_card --branches
  tranche forecast --reference order-1042 --kind installments --currency usd --total 100000 \
    --parts 3 --every "1 month" --customer cust-77 --email ada@example.com --timezone Europe/London
  tranche forecast --file plan.json --no-declines --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New("give one plan, by id or by your reference, or the terms of one")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.askForecast(cmd.Flags(), args, &in); err != nil {
				return err
			}
			return c.withForecaster(cmd, in)
		},
	}
	f := cmd.Flags()
	in.terms.flags(f)
	f.StringVar(&in.req.Decline, "decline", "", "decline `CODE` of the branches, from `tranche dunning table`; default: insufficient_funds")
	f.IntVar(&in.req.DeclineTimes, "decline-times", 0, "`NUMBER` of declines before a charge is paid; 0: it is declined every time")
	f.BoolVar(&in.req.NoDeclines, "no-declines", false, "leave out the effects of declines")
	f.StringVar(&in.req.Horizon, "horizon", "", "end the forecast at this `DATE`; default: the plan's end, or twelve charges, a year at most")
	f.BoolVar(&in.branches, "branches", false, "show every step after the decline of each charge, not only of the first")
	return cmd
}

// askForecast reads the request: a plan, or terms.
func (c *cli) askForecast(f *pflag.FlagSet, args []string, in *forecastInput) error {
	given := in.terms.given(f)
	switch {
	case len(args) == 1 && len(given) > 0:
		return usageError{fmt.Errorf("%s is a plan that exists: leave out %s", args[0], given[0])}
	case len(args) == 1:
		in.req.Plan = args[0]
		return nil
	case len(given) == 0:
		return usageError{errors.New("give a plan, by id or by your reference, or the terms of one")}
	}
	terms, err := c.terms(f, in.terms)
	in.req.Terms = &terms
	return err
}

// withForecaster runs the forecast and prints it.
func (c *cli) withForecaster(cmd *cobra.Command, in forecastInput) (err error) {
	cfg, err := c.config(nil, config.Needs{})
	if err != nil {
		return err
	}
	s, err := app.OpenToRead(cmd.Context(), cfg)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	forecast, err := app.Forecaster(cfg, s)
	if err != nil {
		return err
	}
	made, err := forecast(cmd.Context(), in.req)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(made)
	}
	c.printForecast(made, in.branches)
	return nil
}
