package jobs_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/planning"
	"tranche/internal/store/storetest"
	"tranche/internal/stripeevents"
	"tranche/internal/terms"
)

const (
	villa    = "acct_1Villa"
	stranger = "acct_1Stranger"
)

// inEveryAccount finds every object in every account, so that only the check keeps an event from a
// plan of another account.
type inEveryAccount struct {
	billing.Gateway
	home string
}

func (g inEveryAccount) at(ctx context.Context) context.Context {
	return billing.OnAccount(ctx, g.home)
}

// PaymentIntent asks the account that has it.
func (g inEveryAccount) PaymentIntent(ctx context.Context, id string) (billing.PaymentIntent, error) {
	return g.Gateway.PaymentIntent(g.at(ctx), id)
}

// Payment asks the account that has it.
func (g inEveryAccount) Payment(ctx context.Context, id string) (billing.RecordedPayment, error) {
	return g.Gateway.Payment(g.at(ctx), id)
}

// Refund asks the account that has it.
func (g inEveryAccount) Refund(ctx context.Context, id string) (billing.StripeRefund, error) {
	return g.Gateway.Refund(g.at(ctx), id)
}

// SetupIntent asks the account that has it.
func (g inEveryAccount) SetupIntent(ctx context.Context, id string) (billing.SetupIntent, error) {
	return g.Gateway.SetupIntent(g.at(ctx), id)
}

// PaymentMethod asks the account that has it.
func (g inEveryAccount) PaymentMethod(ctx context.Context, id string) (billing.PaymentMethod, error) {
	return g.Gateway.PaymentMethod(g.at(ctx), id)
}

// CustomerExists asks the account that has it.
func (g inEveryAccount) CustomerExists(ctx context.Context, id string) (bool, error) {
	return g.Gateway.CustomerExists(g.at(ctx), id)
}

// happened is a change at Stripe that no event has reported yet: the object that its events are
// about, the object's PaymentIntent, and its metadata.
type happened struct {
	object, payment string
	metadata        map[string]any
}

// happen makes a change at Stripe that events of the given type report, and that changes a plan, a
// charge, a card or the customer's data.
func (b *bench) happen(kind string) happened {
	b.t.Helper()
	switch family, _, _ := strings.Cut(kind, "."); {
	case kind == "setup_intent.succeeded":
		return b.cardSetUp()
	case kind == "setup_intent.setup_failed":
		return b.setupHandedOut()
	case family == "payment_intent":
		p := b.Plan(nil)
		require.NoError(b.t, b.PayFirst(p, good))
		return b.ofIntent("/v1/payment_intents/", p.FirstPayment.ID)
	case family == "payment_method", family == "customer":
		return b.cardChanged(b.Started(good, nil), kind)
	}
	p := b.Started(good, nil)
	payment := p.FirstPayment.ID
	if strings.HasPrefix(kind, "charge.dispute.") {
		id, err := b.Sim.Dispute(payment, "fraudulent")
		require.NoError(b.t, err)
		return happened{object: id, payment: payment}
	}
	if strings.HasPrefix(kind, "radar.") {
		return happened{object: "issfr_1", payment: payment}
	}
	refund := b.post("/v1/refunds", "payment_intent", payment, "amount", "500")
	if kind == "charge.refunded" {
		return happened{object: refund["charge"].(string), payment: payment}
	}
	return happened{object: refund["id"].(string), payment: payment}
}

// ofIntent returns a change of a PaymentIntent or SetupIntent.
func (b *bench) ofIntent(path, id string) happened {
	b.t.Helper()
	metadata, ok := b.request(http.MethodGet, path+id, nil)["metadata"].(map[string]any)
	require.True(b.t, ok)
	return happened{object: id, metadata: metadata}
}

// cardSetUp has the customer give the card that a plan without a first payment waits for.
func (b *bench) cardSetUp() happened {
	b.t.Helper()
	p := b.Plan(func(t *terms.Terms) { t.Starts = "2026-01-31" })
	b.setUp(p.Setup.ClientSecret, good)
	return b.ofIntent("/v1/setup_intents/", p.Setup.ID)
}

// setupHandedOut has the recovery page of a plan hand out a SetupIntent, whose card is then
// declined.
func (b *bench) setupHandedOut() happened {
	b.t.Helper()
	ctx, p := b.t.Context(), b.Started(good, nil)
	link := billing.PayLink{
		ID: billing.NewLinkID(b.Now()), TokenHash: "hash", CustomerID: p.Customer.ID, PlanID: p.Plan.ID, CreatedAt: b.Now(), ExpiresAt: b.Now().AddDate(0, 1, 0),
	}
	handedOut := billing.CardTry{
		ID: billing.NewCardTryID(b.Now()), Kind: billing.CardTrySetup, CustomerID: p.Customer.ID, LinkID: link.ID, Intent: "seti_1", At: b.Now(),
	}
	require.NoError(b.t, b.Store.Update(ctx, func(tx billing.Tx) error {
		if _, err := tx.InsertPayLink(ctx, link); err != nil {
			return err
		}
		_, err := tx.InsertCardTry(ctx, handedOut)
		return err
	}))
	return happened{object: handedOut.Intent}
}

// cardChanged changes the card or the customer of a plan as events of the given type report.
func (b *bench) cardChanged(p planning.Created, kind string) happened {
	b.t.Helper()
	card := b.cardOf(p.Plan.ID)
	switch kind {
	case "customer.deleted":
		b.request(http.MethodDelete, "/v1/customers/"+card.StripeCustomer, nil)
		return happened{object: card.StripeCustomer}
	case "payment_method.detached":
		b.post("/v1/payment_methods/" + card.PaymentMethod + "/detach")
	case "payment_method.attached":
		made := b.post("/v1/payment_methods", "type", "card", "card[number]", otherCard, "card[exp_month]", "12", "card[exp_year]", "2034", "card[cvc]", "123")
		card.PaymentMethod = made["id"].(string)
		b.post("/v1/payment_methods/"+card.PaymentMethod+"/attach", "customer", card.StripeCustomer)
	default:
		require.NoError(b.t, b.Sim.UpdateCard(card.PaymentMethod, 5, 2048))
	}
	return happened{object: card.PaymentMethod}
}

// kept returns everything that an event could change, as JSON.
func (b *bench) kept() string {
	b.t.Helper()
	ctx := b.t.Context()
	plans, err := b.Store.Plans(ctx, billing.PlanFilter{})
	require.NoError(b.t, err)
	all := make([]any, 0, len(plans)*4)
	for _, p := range plans {
		d := b.Details(p.ID)
		cards, err := b.Store.Cards(ctx, p.CustomerID)
		require.NoError(b.t, err)
		refunds, err := b.Store.Refunds(ctx, d.Charges[0].ID)
		require.NoError(b.t, err)
		tries, err := b.Store.CountCardTries(ctx, billing.CardTryFilter{Kind: billing.CardTryDeclined, Customer: p.CustomerID})
		require.NoError(b.t, err)
		all = append(all, d, cards, refunds, tries)
	}
	notices, err := b.Store.Notices(ctx, billing.NoticeFilter{})
	require.NoError(b.t, err)
	incidents, err := b.Store.Incidents(ctx, billing.IncidentFilter{})
	require.NoError(b.t, err)
	trail, err := b.Store.AuditTrail(ctx, billing.AuditFilter{})
	require.NoError(b.t, err)
	text, err := json.Marshal(append(all, notices, incidents, trail))
	require.NoError(b.t, err)
	return string(text)
}

// handleEvent delivers one event about a change, handles it, and returns it.
func (b *bench) handleEvent(id, kind string, about happened, change func(e *billing.Event)) billing.Event {
	b.t.Helper()
	body, err := json.Marshal(map[string]any{"data": map[string]any{"object": map[string]any{"payment_intent": about.payment, "metadata": about.metadata}}})
	require.NoError(b.t, err)
	e := billing.Event{
		ID: "evt_" + id, Type: kind, ObjectID: about.object, Account: b.Account, Payload: body, Status: billing.EventPending,
		CreatedAt: b.Now(), ReceivedAt: b.Now(), ClaimAfter: b.Now(),
	}
	change(&e)
	_, err = b.Store.InsertEvents(b.t.Context(), []billing.Event{e})
	require.NoError(b.t, err)
	b.Do(eventTask(e.ID, 0))
	e, err = b.Store.Event(b.t.Context(), e.ID)
	require.NoError(b.t, err)
	return e
}

// eachEventType runs a test for every type of event that is handled, on both databases, with plans
// in the platform's own account and in a connected one.
func eachEventType(t *testing.T, test func(b *bench, kind string)) {
	t.Helper()
	t.Parallel()
	for _, home := range []string{"", villa} {
		for _, kind := range stripeevents.Types() {
			t.Run(kind+" "+home, func(t *testing.T) {
				t.Parallel()
				storetest.EachEngine(t, func(t *testing.T, s billing.Store) { test(newBenchOn(t, s, home), kind) })
			})
		}
	}
}

// TestEvent_EachTypeOfTheOtherModeOrAccount: an event of any type changes something only if it has
// the key's mode and comes from the account that has its object. Otherwise it changes nothing, even
// if the other account had the same object.
func TestEvent_EachTypeOfTheOtherModeOrAccount(t *testing.T) {
	eachEventType(t, func(b *bench, kind string) {
		about := b.happen(kind)
		b.Arrived()
		b.Platform.Connect(stranger)
		others := []string{stranger, "acct_1NotConnected", map[string]string{"": villa, villa: ""}[b.Account]}
		before, honest := b.kept(), b.Gateway.Gateway
		for gateway, at := range map[string]billing.Gateway{"own": honest, "any": inEveryAccount{honest, b.Account}} {
			b.Gateway.Gateway = at
			e := b.handleEvent("live"+gateway, kind, about, func(e *billing.Event) { e.Livemode = true })
			require.Equal(b.t, billing.EventIgnored, e.Status, e.Reason)
			require.Contains(b.t, e.Reason, "live mode")
			for _, other := range others {
				e := b.handleEvent(gateway+other, kind, about, func(e *billing.Event) { e.Account = other })
				if kind == "payment_method.attached" && gateway == "own" { // a new card is known only to Stripe
					require.NotEqual(b.t, billing.EventHandled, e.Status)
					continue
				}
				require.Equal(b.t, billing.EventIgnored, e.Status, e.Reason)
				require.Contains(b.t, e.Reason, "and the event is of "+map[bool]string{true: other, false: "the platform's own account"}[other != ""])
			}
			require.Equal(b.t, before, b.kept())
		}
		b.Gateway.Gateway = honest
		e := b.handleEvent("home", kind, about, func(*billing.Event) {})
		require.Equal(b.t, billing.EventHandled, e.Status, e.Reason)
		require.NotEqual(b.t, before, b.kept(), "its own event does")
	})
}

// TestEvent_MetadataOfAnotherAccountsPlan: a payment or card in one account whose metadata names a
// plan of another account is ignored. The event's body makes no difference.
func TestEvent_MetadataOfAnotherAccountsPlan(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, nil)
		b.Platform.Connect(stranger)
		labels := map[string]string{billing.MetaPlan: string(p.Plan.ID), billing.MetaCharge: string(b.Charge(p.Plan.ID, 2).ID), billing.MetaCustomer: "ada"}
		form := []string{"confirm", "true", "payment_method", "pm_card_visa", "payment_method_types[]", "card"}
		for k, v := range labels {
			form = append(form, "metadata["+k+"]", v)
		}
		var paid, given string
		b.as(stranger, func() {
			paid = b.post("/v1/payment_intents", append(form, "amount", "25000", "currency", "usd")...)["id"].(string)
			given = b.post("/v1/setup_intents", append(form, "usage", "off_session", "customer", b.post("/v1/customers")["id"].(string))...)["id"].(string)
		})
		b.Arrived()
		before := b.kept()
		for kind, object := range map[string]string{"payment_intent.succeeded": paid, "setup_intent.succeeded": given, "charge.refunded": "ch_1"} {
			e := b.handleEvent(kind, kind, happened{object: object, payment: paid}, func(e *billing.Event) { e.Account = stranger })
			require.Equal(b.t, billing.EventIgnored, e.Status, "%s: %s", kind, e.Reason)
			require.Contains(b.t, e.Reason, "and the event is of "+stranger)
		}
		require.Equal(b.t, before, b.kept())
	})
}

// TestEvent_WithoutObjectID: an event that does not name its object fails at once, reports what is
// missing, and changes nothing.
func TestEvent_WithoutObjectID(t *testing.T) {
	eachEventType(t, func(b *bench, kind string) {
		about := b.happen(kind)
		b.Arrived()
		before := b.kept()
		about.object = ""
		e := b.handleEvent("nameless", kind, about, func(*billing.Event) {})
		require.Equal(b.t, billing.EventFailed, e.Status)
		require.Contains(b.t, e.Reason, "data.object.id is missing")
		require.Zero(b.t, e.ClaimAfter)
		require.Equal(b.t, before, b.kept())
	})
}

// TestEvent_BodyWithoutObjectID: the same for a body as it arrives, with any value instead of the
// id.
func TestEvent_BodyWithoutObjectID(t *testing.T) {
	eachEngine(t, func(b *bench) {
		for i, object := range []string{`null`, `{}`, `{"id": null}`, `{"id": ""}`, `{"id": " "}`} {
			id := "evt_" + strconv.Itoa(i)
			b.TakeIn([]byte(`{"id": "` + id + `", "object": "event", "type": "payment_intent.succeeded", "data": {"object": ` + object + `}}`))
			b.RunDue()
			e, err := b.Store.Event(b.t.Context(), id)
			require.NoError(b.t, err)
			require.Equal(b.t, billing.EventFailed, e.Status, object)
			require.Contains(b.t, e.Reason, "data.object.id is missing", object)
		}
	})
}
