package forecast

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

// script defines which charge is declined, with which code and how often. The zero value declines
// nothing.
type script struct {
	charge billing.ChargeID
	code   string
	times  int // 0 means always
}

// stripe answers as Stripe would if everything followed the script, without any network call. It
// holds the PaymentIntents and cards of the copied plan, and invents new ones. It is for one
// goroutine.
type stripe struct {
	now     func() time.Time
	script  script
	refused int // how often the scripted charge was declined

	intents map[string]billing.PaymentIntent
	setups  map[string]billing.SetupIntent
	methods map[string]billing.PaymentMethod
	answers map[string]billing.PaymentIntent // by idempotency key
	made    int
}

// Prefixes of invented ids. Stripe's own ids have no underscore after their prefix.
const (
	newCard     = "pm_to_come"
	newCustomer = "cus_to_come"
)

// cardYears is the assumed validity of a future card, so that no expiry is forecast.
const cardYears = 50

func newStripe(now func() time.Time) *stripe {
	return &stripe{
		now: now, intents: map[string]billing.PaymentIntent{}, setups: map[string]billing.SetupIntent{},
		answers: map[string]billing.PaymentIntent{},
		methods: map[string]billing.PaymentMethod{newCard: {
			ID: newCard, Type: "card", Brand: "new", Last4: "····", ExpMonth: 12, ExpYear: now().Year() + cardYears,
		}},
	}
}

// fork returns an independent copy that declines nothing. A nil stripe forks to an empty one.
func (s *stripe) fork(now func() time.Time) *stripe {
	if s == nil {
		return newStripe(now)
	}
	f := *s
	f.now, f.script, f.refused = now, script{}, 0
	f.intents, f.setups, f.methods, f.answers = maps.Clone(s.intents), maps.Clone(s.setups), maps.Clone(s.methods), maps.Clone(s.answers)
	return &f
}

// load takes over the plan's cards and PaymentIntents as Stripe has them.
func (s *stripe) load(cards []billing.Card, charges []billing.Charge) {
	for _, c := range cards {
		pm := billing.PaymentMethod{
			ID: c.PaymentMethod, Type: "card", Customer: c.StripeCustomer, Brand: c.Brand, Last4: c.Last4,
			ExpMonth: c.ExpMonth, ExpYear: c.ExpYear, Fingerprint: c.Fingerprint,
		}
		if c.Status == billing.CardDetached {
			pm.Customer = ""
		}
		s.methods[pm.ID] = pm
	}
	for _, c := range charges {
		if c.PaymentIntent == "" {
			continue
		}
		pi := billing.PaymentIntent{
			ID: c.PaymentIntent, Amount: c.Amount, Currency: c.Currency, Status: billing.IntentRequiresPaymentMethod,
			Metadata: map[string]string{billing.MetaCharge: string(c.ID)}, CreatedAt: c.CreatedAt,
		}
		if c.Status.Settled() || c.Status == billing.ChargeCollecting { // a call in flight succeeds
			pi.Status, pi.AmountReceived = billing.IntentSucceeded, c.Amount
		}
		s.intents[pi.ID] = pi
	}
}

// pays pays a PaymentIntent as the customer does at the checkout, with a card that is saved.
func (s *stripe) pays(id string) {
	pi := s.intents[id]
	s.intents[id] = s.succeed(pi, newCard)
}

// setsUp completes a SetupIntent as the customer does.
func (s *stripe) setsUp(id string, plan billing.PlanID) {
	si := s.setups[id]
	si.ID, si.Status, si.PaymentMethod = id, billing.IntentSucceeded, newCard
	if si.Metadata == nil {
		si.Metadata = map[string]string{billing.MetaPlan: string(plan)}
	}
	s.setups[id] = si
}

func (s *stripe) succeed(pi billing.PaymentIntent, paymentMethod string) billing.PaymentIntent {
	s.made++
	pi.Status, pi.AmountReceived, pi.PaymentMethod, pi.LastError = billing.IntentSucceeded, pi.Amount, paymentMethod, nil
	pi.LatestCharge = fmt.Sprintf("ch_to_come_%d", s.made)
	return pi
}

// CreatePaymentIntent creates a PaymentIntent, and charges the card if OffSession is set.
func (s *stripe) CreatePaymentIntent(_ context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	if pi, ok := s.answers[key]; ok {
		return pi, nil
	}
	s.made++
	pi := billing.PaymentIntent{
		ID: fmt.Sprintf("pi_to_come_%d", s.made), Status: billing.IntentRequiresPaymentMethod, Amount: p.Amount, Currency: p.Currency,
		Customer: p.Customer, Metadata: p.Metadata, CreatedAt: s.now(),
	}
	if !p.OffSession {
		s.intents[pi.ID], s.answers[key] = pi, pi
		return pi, nil
	}
	return s.charge(key, pi, p.PaymentMethod)
}

// ConfirmPaymentIntent charges the card.
func (s *stripe) ConfirmPaymentIntent(_ context.Context, key string, p billing.PaymentParams) (billing.PaymentIntent, error) {
	pi, ok := s.intents[p.PaymentIntent]
	if !ok {
		return pi, missing("confirm", p.PaymentIntent)
	}
	return s.charge(key, pi, p.PaymentMethod)
}

// charge takes the money, unless the script declines the charge.
func (s *stripe) charge(key string, pi billing.PaymentIntent, paymentMethod string) (billing.PaymentIntent, error) {
	declined := s.script.charge != "" && pi.Metadata[billing.MetaCharge] == string(s.script.charge) &&
		(s.script.times == 0 || s.refused < s.script.times)
	if !declined {
		pi = s.succeed(pi, paymentMethod)
		s.intents[pi.ID], s.answers[key] = pi, pi
		return pi, nil
	}
	s.refused++
	s.made++
	failure := failureOf(s.script.code)
	pi.Status, pi.LastError, pi.LastErrorPaymentMethod = billing.IntentRequiresPaymentMethod, &failure, paymentMethod
	pi.LatestCharge = fmt.Sprintf("ch_to_come_%d", s.made)
	s.intents[pi.ID] = pi
	return billing.PaymentIntent{}, &billing.GatewayError{
		Op: "charge the card", Kind: billing.GatewayDeclined, HTTPStatus: 402, Type: "card_error", Failure: failure,
		PaymentIntent: &pi, StripeCharge: pi.LatestCharge,
	}
}

// errorCodes are the decline codes that are also error codes. Source: docs.stripe.com/error-codes.
var errorCodes = []string{
	"authentication_required", "expired_card", "incorrect_cvc", "processing_error", "incorrect_number", "invalid_number",
	"incorrect_zip", "incorrect_address", "invalid_expiry_month", "invalid_expiry_year", "invalid_cvc",
}

// failureOf returns a decline with a code and without advice.
func failureOf(code string) billing.Failure {
	f := billing.Failure{Code: "card_declined", DeclineCode: code, Message: "Your card was declined.", Blocked: code == dunning.CodeBlocked}
	if slices.Contains(errorCodes, code) {
		f.Code = code
	}
	return f
}

// missing returns Stripe's error for an object that does not exist.
func missing(doing, id string) error {
	return &billing.GatewayError{Op: doing + " " + id, Kind: billing.GatewayNotFound, HTTPStatus: 404}
}

// CancelPaymentIntent cancels a PaymentIntent.
func (s *stripe) CancelPaymentIntent(_ context.Context, _, id string) (billing.PaymentIntent, error) {
	pi, ok := s.intents[id]
	if !ok {
		return pi, missing("cancel", id)
	}
	if pi.Status != billing.IntentSucceeded {
		pi.Status = billing.IntentCanceled
		s.intents[id] = pi
	}
	return pi, nil
}

// CreateRefund refunds a payment.
func (s *stripe) CreateRefund(_ context.Context, _ string, p billing.RefundParams) (billing.StripeRefund, error) {
	return billing.StripeRefund{ID: "re_to_come", Status: "succeeded", Amount: s.intents[p.PaymentIntent].AmountReceived}, nil
}

// Refund fetches a refund. No refund of a forecast is pending.
func (s *stripe) Refund(_ context.Context, id string) (billing.StripeRefund, error) {
	return billing.StripeRefund{}, missing("get", id)
}

// PaymentIntent fetches a PaymentIntent.
func (s *stripe) PaymentIntent(_ context.Context, id string) (billing.PaymentIntent, error) {
	pi, ok := s.intents[id]
	if !ok {
		return pi, missing("fetch", id)
	}
	return pi, nil
}

// Payment fetches a payment.
func (s *stripe) Payment(ctx context.Context, id string) (billing.RecordedPayment, error) {
	pi, err := s.PaymentIntent(ctx, id)
	return billing.RecordedPayment{PaymentIntent: pi}, err
}

// FindPaymentIntent searches the PaymentIntents of a customer.
func (s *stripe) FindPaymentIntent(_ context.Context, customer string, _ time.Time, match func(billing.PaymentIntent) bool) (billing.PaymentIntent, error) {
	for _, id := range slices.Sorted(maps.Keys(s.intents)) {
		if match(s.intents[id]) {
			return s.intents[id], nil
		}
	}
	return billing.PaymentIntent{}, missing("find a PaymentIntent of", customer)
}

// CreateSetupIntent creates a SetupIntent.
func (s *stripe) CreateSetupIntent(_ context.Context, _ string, p billing.SetupParams) (billing.SetupIntent, error) {
	s.made++
	si := billing.SetupIntent{
		ID: fmt.Sprintf("seti_to_come_%d", s.made), Status: billing.IntentRequiresPaymentMethod, Customer: p.Customer, Metadata: p.Metadata,
	}
	s.setups[si.ID] = si
	return si, nil
}

// SetupIntent fetches a SetupIntent.
func (s *stripe) SetupIntent(_ context.Context, id string) (billing.SetupIntent, error) {
	si, ok := s.setups[id]
	if !ok {
		return si, missing("fetch", id)
	}
	return si, nil
}

// CancelSetupIntent cancels a SetupIntent.
func (s *stripe) CancelSetupIntent(_ context.Context, _, id string) (billing.SetupIntent, error) {
	si, ok := s.setups[id]
	if !ok {
		return si, missing("cancel", id)
	}
	if si.Status != billing.IntentSucceeded {
		si.Status = billing.IntentCanceled
		s.setups[id] = si
	}
	return si, nil
}

// PaymentMethod fetches a PaymentMethod.
func (s *stripe) PaymentMethod(_ context.Context, id string) (billing.PaymentMethod, error) {
	pm, ok := s.methods[id]
	if !ok {
		return pm, missing("fetch", id)
	}
	return pm, nil
}

// AttachPaymentMethod attaches a PaymentMethod.
func (s *stripe) AttachPaymentMethod(_ context.Context, _, id, customer string) (billing.PaymentMethod, error) {
	pm, ok := s.methods[id]
	if !ok {
		return pm, missing("attach", id)
	}
	pm.Customer = customer
	s.methods[id] = pm
	return pm, nil
}

// DetachPaymentMethod removes a PaymentMethod from its customer.
func (s *stripe) DetachPaymentMethod(_ context.Context, _, id string) error {
	pm := s.methods[id]
	pm.Customer = ""
	s.methods[id] = pm
	return nil
}

// CreateCustomer creates a customer with the card.
func (s *stripe) CreateCustomer(ctx context.Context, key string, p billing.CustomerParams) (string, error) {
	_, err := s.AttachPaymentMethod(ctx, key, p.PaymentMethod, newCustomer)
	return newCustomer, err
}

// UpdateCustomer does nothing: a forecast stores no customers at Stripe.
func (s *stripe) UpdateCustomer(context.Context, string, string, billing.CustomerParams) error {
	return nil
}

// CustomerExists always returns true.
func (s *stripe) CustomerExists(context.Context, string) (bool, error) { return true, nil }
