package recovery_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/recovery"
	"tranche/internal/store/storetest"
	"tranche/internal/terms"
	"tranche/internal/testbench"
)

const lease = testbench.Lease

// bench is the shared bench with a Service for its customers.
type bench struct {
	*testbench.Bench
	service *recovery.Service
	t       *testing.T
}

func eachEngine(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) { test(t, newBench(t, s)) })
}

func newBench(t *testing.T, s billing.Store) *bench {
	b := testbench.New(t, testbench.Config{Store: s, Silent: true})
	return &bench{b, &recovery.Service{
		Store: s, Gateway: b.Gateway, Now: b.Now, Lease: lease, MessageDomain: "shop.example",
		Reason: func(f billing.Failure) billing.Reason { return dunning.Classify(f, "").Reason },
	}, t}
}

func (b *bench) advance(by time.Duration) { b.SetNow(b.Now().Add(by)) }

// plan makes a plan of three, the first paid with a good card, the second due in a month.
func (b *bench) plan() billing.Details { return b.planWith("4242424242424242") }

func (b *bench) planWith(card string) billing.Details {
	b.t.Helper()
	return b.Details(b.Started(card, func(t *terms.Terms) {
		t.Reference, t.Currency, t.Total, t.Parts = "order-"+string(billing.NewPlanID(b.Now())), "eur", 90000, 3
		t.Customer = terms.Customer{Reference: "ada", Email: "ada@example.com"}
	}).Plan.ID)
}

// payOne asks for one payment, as a page that leads with one charge does.
func (b *bench) payOne(ctx context.Context, token string, o recovery.PayRequest) (recovery.Confirmation, error) {
	b.t.Helper()
	given, err := b.service.Pay(ctx, token, o)
	if err != nil {
		return recovery.Confirmation{}, err
	}
	require.Len(b.t, given, 1)
	return given[0], nil
}

// notice is a notice about the second charge of a plan of its own.
func (b *bench) notice(kind billing.NoticeKind) billing.Notice {
	b.t.Helper()
	p := b.plan()
	b.advance(time.Millisecond)
	return billing.Notice{ID: billing.NewNoticeID(b.Now()), Kind: kind, PlanID: p.Plan.ID, ChargeID: p.Charges[1].ID, CustomerID: p.Customer.ID}
}

// open makes a link to a charge of a plan and returns its token.
func (b *bench) open(p billing.Details, sequence int) string {
	b.t.Helper()
	link, _, err := b.links(firstKey).Create(b.t.Context(), p.Plan, p.Charges[sequence-1].ID)
	require.NoError(b.t, err)
	return token(b.t, link)
}

// tookMoney lists the PaymentIntents of a charge that succeeded at Stripe.
func (b *bench) tookMoney(c billing.Charge) (ids []string) {
	b.t.Helper()
	for _, pi := range b.Intents() {
		if pi.Metadata[billing.MetaCharge] == string(c.ID) && pi.Status == "succeeded" {
			ids = append(ids, pi.ID)
		}
	}
	return ids
}

func evidence() *recovery.Evidence {
	return &recovery.Evidence{TextVersion: "1", Text: "I agree", Locale: "en", Address: "192.0.2.1", UserAgent: "browser"}
}
