package reconcile

import (
	"context"

	"tranche/internal/billing"
)

// secondPayments reports every second payment whose incident is open, in and outside the window.
func (r *run) secondPayments(ctx context.Context) error {
	f := billing.IncidentFilter{Open: true, Kind: billing.IncidentPaidTwice}
	for {
		open, err := r.ledger.Incidents(ctx, f)
		if err != nil {
			return err
		}
		for _, i := range open {
			f.Before = i.ID
			err := r.report(ctx, []Finding{{
				Kind: SecondPayment, Charge: i.ChargeID, Plan: i.PlanID, PaymentIntent: i.Subject, Account: i.Account, Here: i.Detail, There: "succeeded",
				Outcome: Left, Advice: i.Remedy,
			}})
			if err != nil {
				return err
			}
		}
		if len(open) < billing.MaxPage {
			return nil
		}
	}
}
