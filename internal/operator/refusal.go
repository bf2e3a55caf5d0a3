package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
)

// refusal returns why a charge must not, or need not, be tried now; "" if it may.
func refusal(ctx context.Context, tx billing.Tx, plan billing.Plan, c billing.Charge, now time.Time) (string, error) {
	switch {
	case c.Status.Ended():
		return fmt.Sprintf("it is %s", c.Status), nil
	case c.Status == billing.ChargeCollecting:
		return "an attempt is under way, or its outcome is not known yet: the same request is sent again automatically, and a new one could charge twice", nil
	case !plan.Status.Collects():
		return fmt.Sprintf("plan %s is %s", plan.Reference, plan.Status), nil
	case c.Status == billing.ChargeScheduled && c.DueAt.IsZero():
		return "it is due on request: collect it", nil
	case c.Status == billing.ChargeScheduled && c.DueAt.After(now):
		return "it falls due " + c.DueAt.Format(time.RFC3339), nil
	}
	if why, err := openAttempt(ctx, tx, c.ID); why != "" || err != nil {
		return why, err
	}
	return unusable(ctx, tx, plan)
}

// openAttempt returns the error text for an attempt whose outcome is unknown, and which may have
// taken the money; "" if there is none. The charge's status alone does not show this.
func openAttempt(ctx context.Context, tx billing.Tx, id billing.ChargeID) (string, error) {
	attempts, err := tx.Attempts(ctx, id)
	if err != nil {
		return "", err
	}
	for _, a := range attempts {
		if a.Outcome.Open() {
			return fmt.Sprintf("the outcome of attempt %d is not known yet", a.Number), nil
		}
	}
	return "", nil
}

// unusable returns why the plan's card can't be charged, and what to do; "" if it can.
func unusable(ctx context.Context, tx billing.Tx, plan billing.Plan) (string, error) {
	if plan.CardID == "" {
		return "no card was saved", nil
	}
	card, err := tx.Card(ctx, plan.CardID)
	if err != nil {
		return "", err
	}
	why := card.Unusable(plan.Account)
	switch {
	case why == "":
	case card.Status != billing.CardActive:
		why += "; the customer must add another"
	case card.Hold != "":
		why += "; release it, or the customer must add another"
	}
	return why, nil
}
