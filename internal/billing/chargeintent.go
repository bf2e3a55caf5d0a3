package billing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// IntentFinder lists PaymentIntents; see Gateway.
type IntentFinder interface {
	FindPaymentIntent(ctx context.Context, customer string, since time.Time, match func(PaymentIntent) bool) (PaymentIntent, error)
}

// FindChargeIntent returns the PaymentIntent that was created for a charge, by Tranche or by the
// merchant: a paid one first, then one that Stripe is processing, then the newest that can still be
// paid. It skips canceled PaymentIntents and the one named except (may be empty). It lists the
// payments of the given Stripe customers created at or after since.
//
// Errors: ErrNotFound when Stripe has none; *GatewayError when Stripe can't be asked, so that
// nothing is known.
func FindChargeIntent(ctx context.Context, at IntentFinder, customers []string, since time.Time, charge ChargeID, except string) (PaymentIntent, error) {
	best := PaymentIntent{}
	for _, customer := range customers {
		_, err := at.FindPaymentIntent(ctx, customer, since, func(pi PaymentIntent) bool {
			if pi.ID == except || ChargeID(pi.Metadata[MetaCharge]) != charge {
				return false
			}
			if rankOf(pi.Status) > rankOf(best.Status) {
				best = pi
			}
			return best.Status == IntentSucceeded
		})
		if best.Status == IntentSucceeded {
			return best, nil
		}
		if err != nil && !errors.Is(err, ErrNotFound) && !customerMissing(err) {
			return PaymentIntent{}, err
		}
	}
	if best.ID == "" {
		return best, fmt.Errorf("PaymentIntent of charge %s: %w", charge, ErrNotFound)
	}
	return best, nil
}

// rankOf orders statuses by how close the payment is to success. An unknown status may mean money
// in transit.
func rankOf(s IntentStatus) int {
	switch s {
	case "", IntentCanceled:
		return 0
	case IntentRequiresPaymentMethod, IntentRequiresConfirmation, IntentRequiresAction:
		return 1
	case IntentSucceeded:
		return 3
	}
	return 2
}

// customerMissing reports whether Stripe could not list the payments because it does not know the
// customer, or because the customer was deleted.
func customerMissing(err error) bool {
	var ge *GatewayError
	return errors.As(err, &ge) && ge.Kind == GatewayRejected && ge.Failure.Code == "resource_missing"
}

// StripeCustomersIn returns every Stripe customer (cus_…) that the customer has or had in an
// account, the current one first.
func (c Customer) StripeCustomersIn(account string, cards []Card) []string {
	var all []string
	add := func(id string) {
		if id != "" && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	add(c.StripeCustomerIn(account, cards))
	for _, card := range cards {
		if card.CustomerID == c.ID && card.Account == account {
			add(card.StripeCustomer)
		}
	}
	return all
}
