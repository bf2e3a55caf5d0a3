package store_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/store"
	"tranche/internal/terms"
)

const (
	canaryMail   = "canary@example.com"
	canaryName   = "Canary O'Brien & Søn"
	canaryRef    = "canary-reference"
	canaryWord   = "canary-word"
	canaryNumber = "4-77" // no id, time or amount holds it
)

// fillTables adds a row of every kind for one customer. Tests call it twice with the same personal
// data: for the customer who is erased, and for another who is not.
func fillTables(t *testing.T, s *store.Store, n string, now time.Time) billing.Customer {
	t.Helper()
	ctx := t.Context()
	c := billing.Customer{
		ID: billing.NewCustomerID(now), Reference: canaryRef + n, Email: n + canaryMail, Name: canaryName + n, Locale: "en", TimeZone: "Europe/London",
		StripeCustomer: "cus_" + n, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	card := billing.Card{
		ID: billing.NewCardID(now), CustomerID: c.ID, PaymentMethod: "pm_" + n, StripeCustomer: c.StripeCustomer, Brand: "visa", Last4: canaryNumber,
		ExpMonth: 7, ExpYear: 2031, Fingerprint: "fp-" + canaryWord + n, Status: billing.CardDetached, CreatedAt: now, UpdatedAt: now,
	}
	terms, err := terms.Terms{
		Reference: "order-" + n, Kind: billing.KindDeferred, Currency: "usd", Total: 100, Due: "on request", Description: "for " + canaryWord,
		Customer: terms.Customer{Reference: c.Reference, Email: n + "-agreed" + canaryMail, Name: canaryName + n + " the former"},
	}.JSON()
	require.NoError(t, err)
	plan := billing.Plan{
		ID: billing.NewPlanID(now), Reference: "order-" + n, CustomerID: c.ID, CardID: card.ID, Kind: billing.KindDeferred, Status: billing.PlanCanceled,
		Currency: "usd", Total: 100, Terms: terms, Reason: "canceled: " + c.Name + " asked for it", CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	charge := billing.Charge{
		ID: billing.NewChargeID(now), PlanID: plan.ID, CustomerID: c.ID, Sequence: 1, Amount: 100, Currency: "usd", DueAt: now, PaymentIntent: "pi_" + n,
		Status: billing.ChargeRefunded, Reason: "refunded to " + c.Name, PaidAt: now, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	attempt := billing.Attempt{
		ID: billing.AttemptIDFor(charge.ID, 1, billing.InitiatorMerchant), ChargeID: charge.ID, Number: 1, Initiator: billing.InitiatorMerchant, IdempotencyKey: "key-" + n,
		Params:  billing.PaymentParams{Amount: 100, Currency: "usd", Description: "for " + canaryWord},
		Outcome: billing.OutcomeSucceeded, Fingerprint: card.Fingerprint, PaymentIntent: charge.PaymentIntent, StripeCharge: "ch_" + n, CreatedAt: now, FinishedAt: now,
	}
	notice := func(step string, status billing.NoticeStatus, of billing.ChargeID) billing.Notice {
		return billing.Notice{
			ID: billing.NewNoticeID(now), Kind: billing.NoticePaymentSucceeded, PlanID: plan.ID, ChargeID: of, CustomerID: c.ID, Step: step, Channel: billing.ChannelEmail,
			To: c.Email, Data: billing.NoticeData{CustomerName: c.Name, CardLast4: canaryNumber}, Status: status, Reason: c.Email + " was refused", Subject: "Dear " + c.Name, Body: canaryWord, CreatedAt: now,
		}
	}
	failed := notice("failed", billing.NoticeFailed, "")
	failed.To, failed.Data.CustomerName = n+"-mailed"+canaryMail, "Miss "+canaryName+n
	waiting := notice("waiting", billing.NoticePending, charge.ID)
	waiting.ClaimAfter = now
	require.NoError(t, s.Update(ctx, func(tx billing.Tx) error {
		require.NoError(t, tx.InsertCustomer(ctx, c))
		require.NoError(t, tx.InsertCard(ctx, card))
		require.NoError(t, tx.InsertPlan(ctx, plan, []billing.Charge{charge}))
		require.NoError(t, tx.InsertAttempt(ctx, attempt))
		require.NoError(t, tx.InsertPlanVersion(ctx, billing.PlanVersion{PlanID: plan.ID, Number: 1, At: now, Actor: "merchant", What: "asked by " + c.Email, Total: 100, Charges: []byte("[]")}))
		require.NoError(t, tx.InsertRefund(ctx, billing.Refund{
			ID: billing.RefundIDFor(charge.ID, 1), PlanID: plan.ID, ChargeID: charge.ID, PaymentIntent: charge.PaymentIntent, Amount: 100, Currency: "usd", IdempotencyKey: "refund-" + n,
			Status: billing.RefundFailed, Failure: "no account of " + c.Name, CreatedAt: now, UpdatedAt: now,
		}))
		for _, about := range []billing.PlanID{plan.ID, ""} {
			_, err := tx.OpenIncident(ctx, billing.Incident{
				Kind: billing.IncidentRefundFailed, Subject: n + string(about), PlanID: about, CustomerID: c.ID, Detail: "refund to " + c.Name, OpenedAt: now,
			})
			require.NoError(t, err)
			require.NoError(t, tx.CloseIncidents(ctx, billing.IncidentRefundFailed, n+string(about), "wrote to "+c.Email, now))
		}
		require.NoError(t, tx.InsertRequest(ctx, billing.Request{Key: "for-" + c.Email, Fingerprint: "hash", PlanID: plan.ID, CreatedAt: now}))
		for _, n := range []billing.Notice{notice("sent", billing.NoticeSent, charge.ID), failed, waiting} {
			_, err := tx.InsertNotice(ctx, n)
			require.NoError(t, err)
		}
		_, err := tx.InsertPayLink(ctx, billing.PayLink{ID: billing.NewLinkID(now), TokenHash: "hash-" + n, CustomerID: c.ID, PlanID: plan.ID, CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
		require.NoError(t, err)
		require.NoError(t, tx.InsertConsent(ctx, billing.Consent{
			ID: billing.NewConsentID(now), CustomerID: c.ID, PlanID: plan.ID, Source: billing.ConsentMerchant, TextVersion: "v1", AcceptedAt: now,
			Address: "192.0.2." + canaryNumber, UserAgent: canaryWord, CreatedAt: now,
		}))
		return tx.InsertAudit(ctx,
			billing.AuditEntry{At: now, Actor: "worker", Action: "notes.mailed", PlanID: plan.ID, Message: "mailed to " + c.Email, Next: c.Name + " pays"},
			billing.AuditEntry{At: now, Actor: "worker", Action: "notes.mailed", CustomerID: c.ID, Message: "mailed to " + c.Email},
			billing.AuditEntry{At: now, Actor: "worker", Action: "notes.mailed", PlanID: plan.ID, Message: "mailed to " + n + "-agreed" + canaryMail + ", " + canaryName + n + " the former"},
			billing.AuditEntry{At: now, Actor: "worker", Action: "notes.mailed", CustomerID: c.ID, Message: "mailed to " + failed.To, Next: failed.Data.CustomerName + " pays"},
			billing.AuditEntry{At: now, Actor: "worker", Action: "card.saved", CustomerID: c.ID, CardID: card.ID, Message: "visa card ending " + canaryNumber + " is saved"})
	}))
	body := func(object string) []byte {
		return fmt.Appendf(nil, `{"data": {"object": {%s, "email": %q}}}`, object, c.Email+canaryWord)
	}
	_, err = s.InsertEvents(ctx, []billing.Event{
		{ID: "evt_1" + n, Type: "payment_intent.succeeded", ObjectID: charge.PaymentIntent, Payload: body(`"id": "x"`), Status: billing.EventHandled, ReceivedAt: now},
		{ID: "evt_2" + n, Type: "payment_method.attached", ObjectID: card.PaymentMethod, Payload: body(`"id": "x"`), Status: billing.EventIgnored, ReceivedAt: now},
		{ID: "evt_3" + n, Type: "customer.deleted", ObjectID: c.StripeCustomer, Payload: body(`"id": "x"`), Status: billing.EventFailed, ReceivedAt: now},
		{ID: "evt_4" + n, Type: "charge.dispute.created", ObjectID: "dp_" + n, Payload: body(fmt.Sprintf(`"payment_intent": %q`, charge.PaymentIntent)), Status: billing.EventHandled, ReceivedAt: now},
		{ID: "evt_5" + n, Type: "charge.refunded", ObjectID: "ch_" + n, Payload: body(fmt.Sprintf(`"payment_intent": {"id": %q}`, charge.PaymentIntent)), Status: billing.EventHandled, ReceivedAt: now},
	})
	require.NoError(t, err)
	return c
}

// TestErasureLeavesNothingOfThePerson looks through every column of every table.
func TestErasureLeavesNothingOfThePerson(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s *store.Store) {
		now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		ada := fillTables(t, s, "a", now)
		words := []string{canaryMail, "Canary O'Brien", canaryRef, canaryWord, canaryNumber}
		for _, w := range words {
			require.NotEmpty(t, textsWith(t, s, w), "%s is looked for where it is", w)
		}
		plan, err := s.PlanByReference(t.Context(), "order-a")
		require.NoError(t, err)
		charges, err := s.PlanCharges(t.Context(), plan.ID)
		require.NoError(t, err)

		would, err := operatorAt(s, now).With(operator.Options{DryRun: true}).ErasePersonalData(t.Context(), ada.ID)
		require.NoError(t, err)
		require.NotEmpty(t, textsWith(t, s, canaryMail), "a rehearsal removes nothing")
		done, err := operatorAt(s, now).ErasePersonalData(t.Context(), ada.ID)
		require.NoError(t, err)
		require.Equal(t, would.Erased, done.Erased)
		require.Equal(t, billing.Erased{Plans: 1, Cards: 1, Notices: 3, Consents: 1, Links: 1, Requests: 1, Events: 5, Texts: 19}, done.Erased)
		require.Empty(t, textsWith(t, s, append(words, "Miss ", " the former")...))

		after, err := s.PlanCharges(t.Context(), plan.ID)
		require.NoError(t, err)
		require.Equal(t, "refunded to [erased]", after[0].Reason)
		after[0].Reason = charges[0].Reason
		require.Equal(t, charges, after, "the ledger stays")
		notices, err := s.Notices(t.Context(), billing.NoticeFilter{Plan: plan.ID})
		require.NoError(t, err)
		for _, n := range notices {
			require.NotEqual(t, billing.NoticePending, n.Status, "nothing is sent any more")
		}
		_, err = operatorAt(s, now).ErasePersonalData(t.Context(), ada.ID)
		require.ErrorContains(t, err, "it was erased on 2026-03-01")
	})
}

// TestErasureLeavesOthersAlone: another customer's rows are the same before and after.
func TestErasureLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s *store.Store) {
		now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		fillTables(t, s, "bob", now)
		before := textsWith(t, s, "bob", canaryWord, canaryNumber)
		ada := fillTables(t, s, "ada", now)
		_, err := operatorAt(s, now).ErasePersonalData(t.Context(), ada.ID)
		require.NoError(t, err)
		require.ElementsMatch(t, before, textsWith(t, s, "bob", canaryWord, canaryNumber))
	})
}

// TestLateNewsOfAnErasedCustomerIsNotKept: the body of an event is kept until it is handled, and
// not longer.
func TestLateNewsOfAnErasedCustomerIsNotKept(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s *store.Store) {
		now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		ada, ctx := fillTables(t, s, "ada", now), t.Context()
		_, err := operatorAt(s, now).ErasePersonalData(ctx, ada.ID)
		require.NoError(t, err)
		late := []billing.Event{
			{ID: "evt_late", Type: "charge.dispute.closed", ObjectID: "dp_9", Payload: []byte(`{"data": {"object": {"payment_intent": "pi_ada", "name": "` + canaryWord + `"}}}`), Status: billing.EventPending, ReceivedAt: now, ClaimAfter: now},
			{ID: "evt_other", Type: "charge.dispute.closed", ObjectID: "dp_8", Payload: []byte(`{"data": {"object": {"payment_intent": "pi_other"}}}`), Status: billing.EventPending, ReceivedAt: now, ClaimAfter: now},
		}
		_, err = s.InsertEvents(ctx, late)
		require.NoError(t, err)
		for _, e := range late {
			require.NoError(t, s.Update(ctx, func(tx billing.Tx) error { return tx.EraseEvent(ctx, e.ID, e.ObjectID, e.PaymentIntent()) }))
		}
		require.Empty(t, textsWith(t, s, canaryWord))
		other, err := s.Event(ctx, "evt_other")
		require.NoError(t, err)
		require.Equal(t, late[1].Payload, other.Payload)
	})
}

// textsWith lists the columns, as table.column, that hold any of the words. It reads every table of
// the schema, so a table that is added later is covered.
func textsWith(t testing.TB, s *store.Store, words ...string) []string {
	t.Helper()
	pool := s.Pool()
	var found []string
	for _, table := range tables(t, pool) {
		found = append(found, holding(t, pool, table, words)...)
	}
	return found
}

func holding(t testing.TB, pool *sql.DB, table string, words []string) []string {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), "SELECT * FROM "+table)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var found []string
	for rows.Next() {
		values, to := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		require.NoError(t, rows.Scan(to...))
		for i, v := range values {
			for _, w := range words {
				if strings.Contains(string(v), w) {
					found = append(found, table+"."+columns[i]+" holds "+w)
				}
			}
		}
	}
	require.NoError(t, rows.Err())
	return found
}

// tables lists the tables of either engine.
func tables(t testing.TB, pool *sql.DB) []string {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
	if err != nil {
		rows, err = pool.QueryContext(t.Context(), "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
	}
	require.NoError(t, err)
	defer rows.Close()
	var list []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		list = append(list, name)
	}
	require.NoError(t, rows.Err())
	return list
}

// operatorAt returns an operator that makes changes at one time.
func operatorAt(s *store.Store, now time.Time) *operator.Operator {
	return operator.New(s, func() time.Time { return now }, billing.Rules{})
}
