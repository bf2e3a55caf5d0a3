package cards

import (
	"context"
	"errors"

	"tranche/internal/billing"
)

// BindConsent links the customer's consent to the card that was saved with it. intent is the
// PaymentIntent or SetupIntent; charge is the charge that it paid, or empty. It does nothing if the
// card was not saved. Errors: billing.ErrUnavailable.
func BindConsent(ctx context.Context, tx billing.Tx, paymentMethod, intent string, charge billing.ChargeID) error {
	card, err := tx.CardByPaymentMethod(ctx, paymentMethod)
	if errors.Is(err, billing.ErrNotFound) { // the card could not be saved
		return nil
	}
	if err != nil {
		return err
	}
	return tx.BindConsent(ctx, intent, charge, card.ID)
}

// ConsentedPlans lists the plans that are charged from now on with the card that an intent saved:
// the plans that the text of the customer's consent listed, whether the customer paid with the card
// or only saved it. If no consent was recorded, it is the plan named, or none if named is empty.
// Errors: billing.ErrUnavailable.
func ConsentedPlans(ctx context.Context, r billing.Reader, intent string, named billing.PlanID) ([]billing.PlanID, error) {
	consents, err := r.Consents(ctx, billing.ConsentFilter{Intent: intent, Limit: 1})
	switch {
	case err != nil:
		return nil, err
	case len(consents) > 0:
		return consents[0].Plans(), nil
	case named == "":
		return nil, nil
	}
	return []billing.PlanID{named}, nil
}
