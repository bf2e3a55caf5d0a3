package stripeevents

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"tranche/internal/billing"
	"tranche/internal/collect"
	"tranche/internal/planwork"
)

// The cards that customers try are counted from Stripe's events: each decline has an event, whereas
// a fetched PaymentIntent shows only the last one. Beyond a limit the PaymentIntent or SetupIntent
// is canceled, so that the client secrets that were handed out for it become worthless.

// noteDeclinedTry counts a decline that the customer caused, and locks the customer out if it
// exceeds a limit.
func (h *Handler) noteDeclinedTry(ctx context.Context, e billing.Event, pi billing.PaymentIntent) error {
	if e.Type != "payment_intent.payment_failed" {
		return nil
	}
	c, err := chargeTried(ctx, h.Store, pi)
	if errors.Is(err, billing.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	opened, err := h.Store.LastCardTry(ctx, billing.CardTryFilter{Kind: billing.CardTryPayment, Intent: pi.ID})
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return err
	}
	attempts, err := h.Store.Attempts(ctx, c.ID)
	if err != nil || ownDecline(e.Decline(), attempts, opened) {
		return err
	}
	try := declinedTry(e, c.CustomerID, opened, h.Clock.Now())
	try.ChargeID, try.Intent = c.ID, pi.ID
	exceeded, err := h.countTry(ctx, try)
	if err != nil || exceeded == "" || opened.ID == "" {
		return err // the merchant's own checkout is not locked
	}
	return h.voidTried(ctx, e, c, pi, exceeded)
}

// chargeTried finds the charge of a PaymentIntent, even if the PaymentIntent was replaced.
func chargeTried(ctx context.Context, store billing.Store, pi billing.PaymentIntent) (billing.Charge, error) {
	id := pi.Metadata[billing.MetaCharge]
	if id == "" {
		return store.ChargeByPaymentIntent(ctx, pi.ID)
	}
	return store.Charge(ctx, billing.ChargeID(id))
}

// ownDecline reports whether an off-session attempt by Tranche was declined. Such attempts are sent
// under their own keys. If the event names no request, the bank decided later. The decline then
// counts as the attempt's, unless the page handed out the client secret since.
func ownDecline(d billing.DeclineReport, attempts []billing.Attempt, opened billing.CardTry) bool {
	return slices.ContainsFunc(attempts, func(a billing.Attempt) bool {
		switch {
		case a.Initiator != billing.InitiatorMerchant:
			return false
		case d.RequestKey != "":
			return d.RequestKey == a.IdempotencyKey
		case d.StripeCharge != "" && a.StripeCharge == d.StripeCharge:
			return true
		}
		return !d.FromRequest && !opened.At.After(a.SentAt)
	})
}

// declinedTry returns the decline that an event reports, for the link and the address that its
// client secret was handed out to.
func declinedTry(e billing.Event, customer billing.CustomerID, opened billing.CardTry, now time.Time) billing.CardTry {
	return billing.CardTry{
		ID: billing.CardTryID(e.ID), Kind: billing.CardTryDeclined, CustomerID: customer, LinkID: opened.LinkID,
		Intent: opened.Intent, Address: opened.Address, Code: e.Decline().Code, At: now,
	}
}

// countTry counts a decline once, and returns the limit that it exceeds.
func (h *Handler) countTry(ctx context.Context, try billing.CardTry) (exceeded string, err error) {
	added := false
	err = h.Store.Update(ctx, func(tx billing.Tx) error {
		added, err = tx.InsertCardTry(ctx, try)
		return err
	})
	if err != nil {
		return "", err
	}
	if added && h.CustomerDeclined != nil {
		h.CustomerDeclined()
	}
	since, err := billing.CardTriesSince(ctx, h.Store, try.CustomerID)
	if err != nil {
		return "", err
	}
	return h.Tries.Exceeded(ctx, h.Store, try, since, h.Clock.Now())
}

// voidTried cancels a PaymentIntent after too many cards were tried on it. The cancellation is
// recorded before Stripe is called. Otherwise its event would be taken for the merchant's decision
// that nothing is owed.
func (h *Handler) voidTried(ctx context.Context, e billing.Event, c billing.Charge, pi billing.PaymentIntent, exceeded string) error {
	voided := billing.CardTry{
		ID: billing.CardTryID("void_" + pi.ID), Kind: billing.CardTryVoided, CustomerID: c.CustomerID, ChargeID: c.ID, Intent: pi.ID, At: h.Clock.Now(),
	}
	err := h.Do(ctx, c.PlanID, func(t *planwork.Tx) error {
		if err := reportCardTesting(ctx, t, c, exceeded); err != nil {
			return err
		}
		_, err := t.InsertCardTry(ctx, voided)
		return err
	})
	if err != nil {
		return err
	}
	pi, err = cancelTried(ctx, h.Gateway, e, pi)
	if err != nil || pi.Status != billing.IntentCanceled {
		return err // it was paid meanwhile, and its event records that
	}
	return h.Do(ctx, c.PlanID, func(t *planwork.Tx) error {
		now, err := t.Charge(c.ID)
		if err != nil || now.Status.Ended() || now.PaymentIntent != pi.ID {
			return err
		}
		return collect.DropCanceledIntent(t, now)
	})
}

// cancelTried cancels the PaymentIntent and returns its resulting state.
func cancelTried(ctx context.Context, gateway billing.Gateway, e billing.Event, pi billing.PaymentIntent) (billing.PaymentIntent, error) {
	if pi.Status == billing.IntentCanceled {
		return pi, nil
	}
	id := pi.ID
	pi, err := gateway.CancelPaymentIntent(ctx, "tries-"+id+"-"+strconv.Itoa(e.Attempts), id)
	var ge *billing.GatewayError
	if errors.As(err, &ge) && !ge.Resend() {
		pi, err = gateway.PaymentIntent(ctx, id)
	}
	return pi, err
}

// handleSetupFailed counts a card that could not be saved.
func (h *Handler) handleSetupFailed(ctx context.Context, e billing.Event, _ subject) (verdict, error) {
	opened, err := h.Store.LastCardTry(ctx, billing.CardTryFilter{Kind: billing.CardTrySetup, Intent: e.ObjectID})
	if errors.Is(err, billing.ErrNotFound) {
		return ignored("SetupIntent %s was not handed out on the recovery page", e.ObjectID), nil
	}
	if err != nil {
		return verdict{}, err
	}
	exceeded, err := h.countTry(ctx, declinedTry(e, opened.CustomerID, opened, h.Clock.Now()))
	if err != nil || exceeded == "" {
		return handled, err
	}
	link, err := h.Store.PayLinkByID(ctx, opened.LinkID)
	if err != nil {
		return verdict{}, err
	}
	err = h.Do(ctx, link.PlanID, func(t *planwork.Tx) error {
		return reportCardTesting(ctx, t, t.Charges[0], exceeded)
	})
	if err != nil {
		return verdict{}, err
	}
	_, err = h.Gateway.CancelSetupIntent(ctx, "tries-"+e.ObjectID+"-"+strconv.Itoa(e.Attempts), e.ObjectID)
	var ge *billing.GatewayError
	if errors.As(err, &ge) && !ge.Resend() {
		err = nil // it is canceled already, or a card was saved
	}
	return handled, err
}

// reportCardTesting opens an incident unless one is open.
func reportCardTesting(ctx context.Context, t *planwork.Tx, c billing.Charge, exceeded string) error {
	_, err := t.OpenIncident(ctx, billing.Incident{
		Kind: billing.IncidentCardTesting, Subject: string(c.CustomerID), PlanID: c.PlanID, ChargeID: c.ID, CustomerID: c.CustomerID,
		Account: t.Plan.Account, Detail: fmt.Sprintf("charge %d of plan %s: %s", c.Sequence, t.Plan.Reference, exceeded), OpenedAt: t.Now,
	})
	return err
}
