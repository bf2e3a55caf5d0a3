package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/planning"
)

// ending is how a plan ends at a fake that returns too little about a charge: the statuses of its
// charges, and its own.
type ending []string

var (
	paid      = ending{"succeeded", "succeeded", "completed"}
	needsCard = ending{"succeeded", "requires_payment_method", "past_due"}
)

// strangers are the habits, one at a time. If end is nil, the plan's ledger must be the same as
// with Stripe.
var strangers = []struct {
	name   string
	habits habits
	end    ending
	calls  int // at most; 0 means maxCalls
}{
	{name: "none: as Stripe does"},
	{name: "no Request-Id", habits: habits{noRequestID: true}},
	{name: "no PaymentIntent in an error", habits: habits{noIntentInError: true}},
	{name: "no charge in an error", habits: habits{noChargeInError: true}},
	{name: "neither of both in an error", habits: habits{noIntentInError: true, noChargeInError: true}},
	{name: "no decline code", habits: habits{noDeclineCode: true}},
	{name: "the cause in code", habits: habits{causeInCode: true}},
	{name: "no codes at all", habits: habits{noCodes: true}},
	{name: "declines are invalid requests", habits: habits{plainErrorType: true}},
	{name: "declines are answered 400", habits: habits{declineStatus: 400}},
	{name: "declines are invalid requests, answered 400", habits: habits{declineStatus: 400, plainErrorType: true}},
	{name: "declines are answered 200", habits: habits{declineIsOK: true}},
	{name: "no error codes", habits: habits{noErrorCodes: true}},
	{name: "no keys, no error codes", habits: habits{forgetsKeys: true, noErrorCodes: true}},
	{name: "no PaymentIntent in an error, no list by customer", habits: habits{noIntentInError: true, noChargeInError: true, noFilters: true}},
	{name: "no PaymentIntent in an error, everybody's in a list", habits: habits{noIntentInError: true, customerIgnored: true, noHasMore: true}},
	{name: "events without a version", habits: habits{noAPIVersion: true}},
	{name: "events of another version", habits: habits{otherAPIVersion: true}},
	{name: "times with a fraction", habits: habits{floatTimes: true}},
	{name: "numbers as text", habits: habits{numbersAsText: true}},
	{name: "metadata of every type", habits: habits{mixedMetadata: true}},
	{name: "charges.data", habits: habits{chargesList: true}},
	{name: "whole objects for references", habits: habits{expanded: true}},
	{name: "only the charge has the card", habits: habits{noMethodOnPaid: true, expanded: true}},
	{name: "only charges.data has the card", habits: habits{noMethodOnPaid: true, chargesList: true}},
	{name: "no object has the card", habits: habits{noMethodAtAll: true}, end: needsCard},
	{name: "no metadata", habits: habits{noMetadata: true}},
	{name: "no metadata, no PaymentIntent in an error", habits: habits{noMetadata: true, noIntentInError: true}},
	{name: "payment_method stays after a decline", habits: habits{keepsMethod: true}},
	{name: "no last_payment_error", habits: habits{noLastError: true}},
	{name: "no amount_received", habits: habits{noReceived: true}},
	{name: "every charge has the same id", habits: habits{sameCharge: true}},
	{name: "a PaymentMethod has an id and nothing else", habits: habits{bareMethod: true}},
	{name: "setup_future_usage attaches nothing", habits: habits{noAttachOnPay: true}},
	{name: "a new customer has no card", habits: habits{customerWithoutCard: true}},
	{name: "a new customer has no card, and needs one", habits: habits{customerWithoutCard: true, strictAttach: true}},
	{name: "attach shows no customer", habits: habits{attachShowsNobody: true, customerWithoutCard: true, noAttachOnPay: true}},
	{name: "confirm=true is ignored", habits: habits{ignoresConfirm: true}},
	{name: "requires_action although off-session", habits: habits{actionOffSession: true}},
	{name: "off-session is never confirmed", habits: habits{neverConfirms: true}, end: ending{"succeeded", "failed", "past_due"}},
	{name: "no PaymentMethods", habits: habits{noMethodRoutes: true}, end: needsCard},
	{name: "no PaymentMethods, and an HTML page for an error", habits: habits{noMethodRoutes: true, htmlNotFound: true}, end: needsCard, calls: 2 * maxTurns},
}

// maxCalls is more requests than any card's plan takes.
const maxCalls = 60

// TestStrangersCards runs the guide's steps with the real code against every habit: the first
// payment, the later one off-session, its retries, and the customer who comes back. Nothing is
// charged twice, and nothing is repeated endlessly.
func TestStrangersCards(t *testing.T) {
	t.Parallel()
	for _, stranger := range strangers {
		t.Run(stranger.name, func(t *testing.T) {
			t.Parallel()
			cards := []string{cardGood, cardAuthOnce, cardAuthAlways, cardThenNoFunds, cardNeverFunds}
			if stranger.calls > 0 {
				cards = cards[:1] // it is slow, and the card makes no difference
			}
			wall := newClock()
			stripe := newForeign(t, stranger.habits, wall.Now)
			s := openShop(t, stripe, wall, stripe.arrived)
			roads := make([]*road, len(cards))
			for i, card := range cards {
				roads[i] = &road{shop: s, stripe: stripe, card: card, end: stranger.end, plan: s.plan("order-" + card)}
				roads[i].begin()
			}
			s.live(80)
			for _, r := range roads {
				r.comeBack()
			}
			s.live(10)
			for _, r := range roads {
				r.arrive()
			}
			s.sameMoney(stripe)
			require.Less(t, len(stripe.requests), max(stranger.calls, len(cards)*maxCalls))
		})
	}
}

// road is the run of one card through a plan of two parts.
type road struct {
	shop   *shop
	stripe *foreign
	card   string
	end    ending
	plan   planning.Created
}

// begin pays the first part. The card without funds is declined, and the customer uses another.
func (r *road) begin() {
	r.stripe.pay(r.plan.FirstPayment.ID, r.card, false)
	r.shop.settle()
	if r.card == cardNeverFunds {
		require.Equal(r.shop.t, []string{"requires_payment_method", "scheduled", "awaiting_first_payment"}, r.shop.statuses(r.plan.Plan.ID))
		r.stripe.pay(r.plan.FirstPayment.ID, cardGood, false)
	}
}

// comeBack pays on the recovery page: with the same card and its challenge, or with another card,
// on the same PaymentIntent.
func (r *road) comeBack() {
	second := r.shop.details(r.plan.Plan.ID).Charges[1]
	if r.end != nil || second.Status == billing.ChargeSucceeded {
		return
	}
	require.Equal(r.shop.t, r.waits(), second.Status, second.Reason)
	if r.card == cardAuthAlways {
		r.stripe.pay(second.PaymentIntent, cardAuthAlways, true)
		return
	}
	r.stripe.pay(second.PaymentIntent, cardGood, false)
}

// waits returns the status of the later charge while it waits for the customer.
func (r *road) waits() billing.ChargeStatus {
	if r.card == cardAuthAlways && !r.stripe.habits.noCodes {
		return billing.ChargeRequiresAction
	}
	return billing.ChargeFailed // all retries are used up
}

// arrive checks the result: the ledger and its reasons.
func (r *road) arrive() {
	s, end := r.shop, r.end
	if end == nil {
		end = paid
	}
	d := s.details(r.plan.Plan.ID)
	require.Equal(s.t, []string(end), s.statuses(d.Plan.ID), "%s: %s", r.card, d.Charges[1].Reason)
	for _, c := range d.Charges {
		require.True(s.t, c.Status.Paid() || c.Reason != "", "charge %d has a reason while it waits", c.Sequence)
	}
	if r.end == nil && (r.card == cardGood || r.card == cardAuthOnce) {
		notices, err := s.store.Notices(s.t.Context(), billing.NoticeFilter{Plan: d.Plan.ID})
		require.NoError(s.t, err)
		require.Len(s.t, notices, 3, "two receipts and the completion: nothing was declined, so the customer gets no other notice")
	}
}

// sameMoney checks that the charged money matches the ledger, that each PaymentIntent paid once,
// and that no event is left.
func (s *shop) sameMoney(stripe *foreign) {
	s.t.Helper()
	var owed int64
	for _, id := range s.plans {
		for _, c := range s.details(id).Charges {
			if c.Status.Paid() {
				owed += c.Amount
				require.Equal(s.t, billing.IntentSucceeded, stripe.statusOf(c.PaymentIntent))
			}
		}
	}
	taken, sum := stripe.money()
	for _, times := range taken {
		require.Equal(s.t, 1, times, "a PaymentIntent pays once")
	}
	require.Equal(s.t, owed, sum, "the charged money matches the ledger")
	events, err := s.store.Events(s.t.Context(), billing.EventFilter{Status: billing.EventPending})
	require.NoError(s.t, err)
	require.Empty(s.t, events)
}
