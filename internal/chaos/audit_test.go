package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// at is the time at which these tests audit the records.
var at = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// sound returns the records of a plan with two parts: the first is paid, the second was declined
// once and has a retry scheduled.
func sound() evidence {
	later := at.AddDate(0, 0, 2)
	o := order{Reference: "order-1", Kind: "installments", Currency: "usd", Total: 3001, Parts: 2, Customer: "cust-1"}
	return evidence{
		Agreements: []agreement{{Order: o, Confirmed: &plan{ID: "plan_1"}, Intent: "pi_1"}},
		Plans: []plan{{
			ID: "plan_1", Reference: "order-1", Kind: "installments", Status: "past_due", Currency: "usd", Total: 3001,
			Customer: customer{ID: "cus_1", Reference: "cust-1", Email: "cust-1@example.com"},
			Charges: []charge{
				{ID: "ch_1", Sequence: 1, Amount: 1501, Currency: "usd", DueAt: at.AddDate(0, -1, 0), Status: "succeeded", PaymentIntent: "pi_1",
					Attempts: []attempt{{Number: 1, Initiator: "customer", Outcome: "succeeded", StripeCharge: "py_1"}}},
				{ID: "ch_2", Sequence: 2, Amount: 1500, Currency: "usd", DueAt: at.AddDate(0, 0, -1), Status: "retrying", PaymentIntent: "pi_2",
					Reason: "declined with insufficient_funds; retry 1 of 4", NextAttemptAt: &later, DeclineCode: "insufficient_funds",
					Attempts: []attempt{{Number: 1, Initiator: "merchant", Outcome: "declined"}}},
			},
		}},
		Notices: []notice{
			{ID: "ntc_1", Message: "ntc_1@shop.example", Kind: noticeReceipt, Plan: "plan_1", Charge: "ch_1", To: "cust-1@example.com", Status: "sent"},
			{ID: "ntc_2", Message: "ntc_2@shop.example", Kind: noticeFailed, Plan: "plan_1", Charge: "ch_2", To: "cust-1@example.com", Status: "sent"},
		},
		Mail: mailbox{Letters: []letter{
			{MessageID: "ntc_1@shop.example", To: "cust-1@example.com", Subject: "Receipt for your payment of $15.01", Body: "part 1"},
			{MessageID: "ntc_2@shop.example", To: "cust-1@example.com", Subject: "Your payment did not go through", Body: "part 2"},
		}},
		Stripe: stripeState{
			PaymentIntents: []stripeIntent{
				{ID: "pi_1", Status: "succeeded", Amount: 1501, AmountReceived: 1501, Currency: "usd",
					Metadata: map[string]string{"tranche_reference": "order-1", "tranche_charge": "ch_1", "tranche_plan": "plan_1"}},
				{ID: "pi_2", Status: "requires_payment_method", Amount: 1500, Currency: "usd", Customer: "cus_s1",
					Metadata: map[string]string{"tranche_reference": "order-1", "tranche_charge": "ch_2", "tranche_plan": "plan_1"}},
			},
			Charges: []stripeCharge{
				{ID: "py_1", Status: "succeeded", PaymentIntent: "pi_1", Amount: 1501}, {ID: "py_2", Status: "failed", PaymentIntent: "pi_2", Amount: 1500},
			},
			Customers: []stripeCustomer{{ID: "cus_s1", Metadata: map[string]string{"tranche_customer": "cust-1"}}},
		},
		Drained: true, Now: at, Overdue: at.Add(-time.Hour),
	}
}

func TestAudit_SoundRecords(t *testing.T) {
	t.Parallel()
	require.Empty(t, audit(sound()))
}

// stop records that the plan was stopped an hour ago, with the resulting status.
func stop(e *evidence, kind, status string) {
	e.Agreements[0].Order.Stop.Kind, e.Agreements[0].Stopped.Acknowledged = kind, at.Add(-time.Hour)
	e.InFlight = 10 * time.Minute
	e.Plans[0].Status = status
}

func TestAudit_StoppedPlan(t *testing.T) {
	t.Parallel()
	for kind, change := range map[string]func(e *evidence){
		stopPause: func(*evidence) {},
		stopCancel: func(e *evidence) {
			e.Stripe.PaymentIntents[1].Status, e.Plans[0].Charges[1].Status = "canceled", "canceled"
		},
		stopRefund:  func(e *evidence) { e.Plans[0].Charges[0].Status = "refunded" },
		stopDispute: func(e *evidence) { e.Plans[0].Charges[0].Status = "disputed" },
	} {
		e := sound()
		stop(&e, kind, map[string]string{stopCancel: "canceled"}[kind])
		if kind != stopCancel {
			e.Plans[0].Status = "paused"
		}
		change(&e)
		e.Stripe.Charges[1].Created = at.Add(-55 * time.Minute).Unix() // in flight when the stop was acknowledged
		require.Empty(t, audit(e), kind)
		e.Stripe.Charges[1].Created = at.Unix()
		e.Plans[0].Charges[1].Attempts = []attempt{{Number: 1, Initiator: "customer", Outcome: "declined", StripeCharge: "py_2"}}
		require.Empty(t, audit(e), "%s: the customer may pay", kind)
	}
}

func TestAudit_DefaultedPlanStaysDefaulted(t *testing.T) {
	t.Parallel()
	e := sound()
	e.Plans[0].Status = "defaulted"
	e.Notices = append(e.Notices, notice{ID: "ntc_3", Message: "ntc_3@shop.example", Kind: noticeDefaulted, Plan: "plan_1", Charge: "ch_1", Status: "sent"})
	e.Mail.Letters = append(e.Mail.Letters, letter{MessageID: "ntc_3@shop.example", To: "cust-1@example.com"})
	require.Empty(t, audit(e))
}

// announce records an announcement of the second charge for each subject.
func announce(e *evidence, subjects ...string) {
	for i, subject := range subjects {
		id := fmt.Sprintf("ntc_%d@shop.example", 10+i)
		e.Notices = append(e.Notices, notice{ID: id, Message: id, Kind: noticeUpcoming, Plan: "plan_1", Charge: "ch_2", Subject: subject, Status: "sent"})
		e.Mail.Letters = append(e.Mail.Letters, letter{MessageID: id, To: "cust-1@example.com", Subject: subject})
	}
}

// resume records that the plan was paused an hour ago and has resumed.
func resume(e *evidence, dates string) {
	stop(e, stopPause, e.Plans[0].Status)
	e.Agreements[0].Order.Stop.Dates = dates
	e.Agreements[0].Stopped.Resuming, e.Agreements[0].Stopped.Resumed = at, true
}

func TestAudit_ChargeMovedByResumeIsAnnouncedAgain(t *testing.T) {
	t.Parallel()
	e := sound()
	resume(&e, datesShift)
	announce(&e, "due on May 31", "due on June 7")
	require.Empty(t, audit(e))
}

// TestAudit_EachDamage damages sound records in every way that each counter stands for.
func TestAudit_EachDamage(t *testing.T) {
	t.Parallel()
	for kind, damages := range map[string]map[string]func(e *evidence){
		kindDouble: {
			"two PaymentIntents for one charge": func(e *evidence) {
				twin := e.Stripe.PaymentIntents[0]
				twin.ID = "pi_3"
				e.Stripe.PaymentIntents = append(e.Stripe.PaymentIntents, twin)
			},
			"one PaymentIntent taken twice": func(e *evidence) {
				e.Stripe.Charges = append(e.Stripe.Charges, stripeCharge{ID: "py_3", Status: "succeeded", PaymentIntent: "pi_1", Amount: 1501})
			},
			"more than was agreed": func(e *evidence) {
				e.Stripe.PaymentIntents = append(e.Stripe.PaymentIntents, stripeIntent{ID: "pi_3", Status: "succeeded", Amount: 3000,
					AmountReceived: 3000, Currency: "usd", Metadata: map[string]string{"tranche_reference": "order-1"}})
			},
		},
		kindLost: {
			"a confirmed plan is gone": func(e *evidence) { e.Plans = nil },
			"a merchant's own PaymentIntent made no plan": func(e *evidence) {
				e.Agreements = append(e.Agreements, agreement{Order: order{Reference: "order-2", Total: 5000}, Intent: "pi_4"})
				e.Stripe.PaymentIntents = append(e.Stripe.PaymentIntents, stripeIntent{ID: "pi_4", Status: "succeeded", AmountReceived: 2500,
					Metadata: map[string]string{"tranche_reference": "order-2"}})
			},
			"the first payment was not seen": func(e *evidence) {
				e.Plans[0].Status = "awaiting_first_payment"
				c := &e.Plans[0].Charges[0]
				c.Status, c.Reason, c.Attempts = "requires_payment_method", "waits for the customer", nil
			},
			"a payment was not seen": func(e *evidence) {
				e.Stripe.PaymentIntents[1].Status, e.Stripe.PaymentIntents[1].AmountReceived = "succeeded", 1500
			},
			"a payment for a charge that is gone": func(e *evidence) {
				e.Stripe.PaymentIntents = append(e.Stripe.PaymentIntents, stripeIntent{ID: "pi_5", Status: "succeeded",
					Metadata: map[string]string{"tranche_charge": "ch_9"}})
			},
			"a due charge was never tried": func(e *evidence) {
				c := &e.Plans[0].Charges[1]
				*c = charge{ID: "ch_2", Sequence: 2, Amount: 1500, Currency: "usd", DueAt: at.AddDate(0, 0, -1), Status: "scheduled", NextAttemptAt: c.NextAttemptAt}
				e.Plans[0].Status = "active"
				e.Notices = e.Notices[:1]
				e.Mail.Letters = e.Mail.Letters[:1]
			},
			"no receipt": func(e *evidence) {
				e.Notices, e.Mail.Letters = e.Notices[1:], e.Mail.Letters[1:]
			},
			"a decline without a notice": func(e *evidence) {
				e.Notices, e.Mail.Letters = e.Notices[:1], e.Mail.Letters[:1]
			},
			"a refund that was not recorded":  func(e *evidence) { stop(e, stopRefund, "past_due") },
			"a dispute that was not recorded": func(e *evidence) { stop(e, stopDispute, "past_due") },
			"a mail never arrived":            func(e *evidence) { e.Mail.Letters = e.Mail.Letters[1:] },
		},
		kindWrong: {
			"another amount at Stripe":        func(e *evidence) { e.Stripe.PaymentIntents[1].Amount = 1499 },
			"another currency at Stripe":      func(e *evidence) { e.Stripe.PaymentIntents[1].Currency = "eur" },
			"less received than charged":      func(e *evidence) { e.Stripe.PaymentIntents[0].AmountReceived = 1 },
			"another customer's card":         func(e *evidence) { e.Stripe.Customers[0].Metadata["tranche_customer"] = "cust-2" },
			"parts that do not add up":        func(e *evidence) { e.Plans[0].Charges[0].Amount++; e.Stripe.PaymentIntents[0].Amount++ },
			"a plan of other terms":           func(e *evidence) { e.Plans[0].Kind = "deposit" },
			"a plan of another customer":      func(e *evidence) { e.Plans[0].Customer.Email = "somebody@example.com" },
			"paid here and not at Stripe":     func(e *evidence) { e.Stripe.PaymentIntents[0].Status = "requires_action" },
			"paid here and unknown at Stripe": func(e *evidence) { e.Stripe.PaymentIntents = e.Stripe.PaymentIntents[1:] },
			"paid without an attempt":         func(e *evidence) { e.Plans[0].Charges[0].Attempts = nil },
			"paid without a charge at Stripe": func(e *evidence) { e.Plans[0].Charges[0].Attempts[0].StripeCharge = "" },
			"paid by another's charge":        func(e *evidence) { e.Stripe.Charges[0].PaymentIntent = "pi_9" },
			"charged after the pause was confirmed": func(e *evidence) {
				stop(e, stopPause, "paused")
				e.Stripe.Charges[1].Created = at.Unix()
			},
			"charged after the cancellation was confirmed": func(e *evidence) {
				stop(e, stopCancel, "canceled")
				e.Stripe.PaymentIntents[1].Status = "canceled"
				e.Stripe.Charges[1].Created = at.Unix()
			},
			"attempts out of order": func(e *evidence) { e.Plans[0].Charges[1].Attempts[0].Number = 2 },
			"chased after the cancellation was confirmed": func(e *evidence) {
				stop(e, stopCancel, "canceled")
				e.Stripe.PaymentIntents[1].Status = "canceled"
				e.Mail.Letters[1].Arrived = at
			},
			"a charge in a foreign account": func(e *evidence) {
				e.Foreign.PaymentIntents = []stripeIntent{{ID: "pi_f", Status: "requires_payment_method"}}
			},
			"two plans with one reference": func(e *evidence) {
				e.Plans = append(e.Plans, plan{ID: "plan_2", Reference: "order-1", Status: "canceled"})
			},
			"two charges with a PaymentIntent": func(e *evidence) { e.Plans[0].Charges[1].PaymentIntent = "pi_1" },
			"a completion notice for an active plan": func(e *evidence) {
				e.Notices = append(e.Notices, notice{ID: "ntc_3", Message: "ntc_3@shop.example", Kind: noticeCompleted, Plan: "plan_1"})
			},
			"a notice of a charge that is gone": func(e *evidence) { e.Notices[1].Charge = "ch_9" },
		},
		kindDuplicate: {
			"two receipts": func(e *evidence) {
				twin := e.Notices[0]
				twin.ID, twin.Message = "ntc_3", "ntc_3@shop.example"
				e.Notices = append(e.Notices, twin)
			},
			"announced twice":                           func(e *evidence) { announce(e, "due on May 31", "due on May 31") },
			"announced for two dates without a reason":  func(e *evidence) { announce(e, "due on May 31", "due on June 7") },
			"announced for two dates that caught up":    func(e *evidence) { resume(e, datesCatchUp); announce(e, "due on May 31", "due on June 7") },
			"announced twice, and its dates were moved": func(e *evidence) { resume(e, datesShift); announce(e, "due on May 31", "due on May 31") },
			"two completion notices": func(e *evidence) {
				for _, id := range []string{"ntc_3", "ntc_4"} {
					e.Notices = append(e.Notices, notice{ID: id, Message: id + "@shop.example", Kind: noticeCompleted, Plan: "plan_1"})
				}
			},
			"two notices of one decline": func(e *evidence) {
				twin := e.Notices[1]
				twin.ID, twin.Message, twin.Kind = "ntc_3", "ntc_3@shop.example", noticeAction
				e.Notices = append(e.Notices, twin)
			},
			"a mail without a notice": func(e *evidence) {
				e.Mail.Letters = append(e.Mail.Letters, letter{MessageID: "other@shop.example", To: "cust-1@example.com"})
			},
			"one receipt under two Message-IDs": func(e *evidence) {
				twin := e.Mail.Letters[0]
				twin.MessageID = "ntc_2@elsewhere.example"
				e.Mail.Letters = append(e.Mail.Letters, twin)
			},
		},
		kindUnexplained: {
			"waits without a reason": func(e *evidence) {
				c := &e.Plans[0].Charges[1]
				c.Status, c.Reason, c.NextAttemptAt = "requires_payment_method", "", nil
			},
			"a retry without a time":   func(e *evidence) { e.Plans[0].Charges[1].NextAttemptAt = nil },
			"was to be tried long ago": func(e *evidence) { past := at.AddDate(0, 0, -1); e.Plans[0].Charges[1].NextAttemptAt = &past },
			"an attempt that never ends": func(e *evidence) {
				e.Plans[0].Charges[1].Attempts = append(e.Plans[0].Charges[1].Attempts, attempt{Number: 2, Initiator: "merchant", Outcome: "unknown"})
			},
			"a plan that contradicts its charges": func(e *evidence) { e.Plans[0].Status = "active" },
			"an event that is never handled":      func(e *evidence) { e.Stuck = []inboxEvent{{ID: "evt_1", Status: "failed"}} },
			"a notice that is never sent":         func(e *evidence) { e.Notices[1].Status = "pending" },
			"canceled, and can still be paid":     func(e *evidence) { stop(e, stopCancel, "canceled"); e.Plans[0].Charges[1].Status = "canceled" },
			"canceled, with an active plan":       func(e *evidence) { stop(e, stopCancel, "past_due"); e.Plans[0].Status = "active" },
			"defaulted without a final notice":    func(e *evidence) { e.Plans[0].Status = "defaulted" },
			"resumed, and still paused": func(e *evidence) {
				stop(e, stopPause, "paused")
				e.Agreements[0].Stopped.Resuming, e.Agreements[0].Stopped.Resumed = at, true
			},
			"a panic": func(e *evidence) { e.Panics = []string{"worker-1.log: panic: boom"} },
		},
	} {
		for name, damaged := range damages {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				e := sound()
				damaged(&e)
				found := audit(e)
				require.Positive(t, found.count(kind), "%v", found)
				require.Contains(t, result{damage: found}.lastLine(), "double="+count(found, kindDouble))
			})
		}
	}
}

func count(d damage, kind string) string {
	text, _ := json.Marshal(d.count(kind))
	return string(text)
}

func TestRecord_OnlyLastingProblemsAreDamage(t *testing.T) {
	t.Parallel()
	stays, passes := problem{kindLost, "charge ch_1"}, problem{kindLost, "charge ch_2"}
	lasting := func(audits ...damage) damage { return (&record{audits: audits}).lasting() }
	require.Equal(t, damage{stays}, lasting(damage{passes}, damage{stays, passes}, damage{stays}, damage{stays, passes}))
	require.Empty(t, lasting(damage{stays}, damage{stays}, damage{stays}, damage{}))
	require.Equal(t, damage{stays}, lasting(damage{stays}))
}

func TestRecord_OverWhenNothingCanChange(t *testing.T) {
	t.Parallel()
	sends := func(times int, e evidence) bool {
		var r record
		for range times {
			r.add(e)
		}
		return r.over()
	}
	require.True(t, sends(looks, sound()))
	require.False(t, sends(looks-1, sound()), "one finding may be chance")
	busy := sound()
	busy.Drained = false
	require.False(t, sends(100, busy), "a webhook is still in flight")
	lost := sound()
	lost.Plans = nil
	require.False(t, sends(100, lost), "a lost object may still be found")
	wrong := sound()
	wrong.Plans[0].Charges[1].Attempts[0].Number = 2
	require.True(t, sends(hopeless+1, wrong))
	require.False(t, sends(hopeless, wrong))
}
