package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripesim"
	"tranche/internal/terms"
)

// trail lists the texts of a plan's audit trail.
func (b *bench) trail(id billing.PlanID) (texts []string) {
	b.t.Helper()
	entries, err := b.Store.AuditTrail(b.t.Context(), billing.AuditFilter{Plan: id})
	require.NoError(b.t, err)
	for _, e := range entries {
		texts = append(texts, e.Message, e.Next)
	}
	return texts
}

// TestOnRequest_NoDate has a balance that falls due on request: no text names a date for it.
func TestOnRequest_NoDate(t *testing.T) {
	eachEngine(t, func(b *bench) {
		deposit := b.Started(good, func(t *terms.Terms) {
			t.Kind, t.Total, t.Deposit, t.BalanceDue, t.Parts, t.Every = billing.KindDeposit, 250000, 50000, "on request", 0, ""
		})
		whole := b.Plan(func(t *terms.Terms) {
			t.Reference, t.Kind, t.Total, t.Due, t.Parts, t.Every = "order-2", billing.KindDeferred, 30000, "on request", 0, ""
		})
		_, err := b.Browser.ConfirmCardSetup(b.t.Context(), whole.Setup.ClientSecret.Reveal(), stripesim.PaymentDetails{Card: &stripesim.Card{Number: good}})
		require.NoError(b.t, err)
		b.Settle()
		require.Equal(b.t, billing.PlanActive, b.Details(whole.Plan.ID).Plan.Status)
		require.Empty(b.t, b.Charge(whole.Plan.ID, 1).Reason, "the card was given")
		for _, plan := range []billing.PlanID{deposit.Plan.ID, whole.Plan.ID} {
			texts := b.trail(plan)
			require.NotEmpty(b.t, texts)
			for _, text := range texts {
				require.NotContains(b.t, text, "0001")
			}
		}
		require.Contains(b.t, b.trail(deposit.Plan.ID), "charge 2 of 2000.00 USD falls due on request")
		for _, m := range b.Mails.Mails {
			require.NotContains(b.t, m.Text, " 1, 1")
		}
	})
}

// TestUpcoming_CardExpiresBefore: no advance notice names a card that expires before the charge.
func TestUpcoming_CardExpiresBefore(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Every = "20 days" }) // due 4 and 24 February
		due := b.Charge(p.Plan.ID, 2).DueAt
		card := b.expires(p.Plan.ID, due.Year(), due.Month()-1)
		b.SetNow(due.AddDate(0, 0, -2))
		b.remind(3)
		b.Settle()
		told := b.noticesOfKind(p.Plan.ID, billing.NoticeUpcomingCharge)
		require.Len(b.t, told, 1)
		require.NotContains(b.t, told[0].Body, "do not need to do anything")
		require.NotContains(b.t, told[0].Body, card.Last4)

		b.expires(p.Plan.ID, due.Year(), due.Month()) // the network renewed it: it is valid for the third charge
		b.SetNow(due)
		b.Settle()
		b.SetNow(b.Charge(p.Plan.ID, 3).DueAt.AddDate(0, 0, -2))
		b.remind(3)
		b.Settle()
		told = b.noticesOfKind(p.Plan.ID, billing.NoticeUpcomingCharge)
		require.Len(b.t, told, 2)
		require.Contains(b.t, told[1].Body, "do not need to do anything")
		require.Contains(b.t, told[1].Body, card.Last4)
	})
}

// TestReceipt_FirstOfRecurring: the receipt names the next payment.
func TestReceipt_FirstOfRecurring(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) {
			t.Kind, t.Total, t.Amount, t.Parts, t.Every = billing.KindRecurring, 0, 1900, 0, "1 month"
		})
		receipt := b.noticesOfKind(p.Plan.ID, billing.NoticePaymentSucceeded)[0]
		require.Contains(b.t, receipt.Body, "Your next payment of $19.00 is due on February 15, 2026.")
	})
}

// TestFinalNotice_NeverFirst: the first request is not sent, so the final notice waits for another.
func TestFinalNotice_NeverFirst(t *testing.T) {
	eachEngine(t, func(b *bench) {
		plan := b.failedOnce("expired_card", func(t *terms.Terms) { t.Every = "3 months" })
		c := b.Charge(plan, 2)
		d := b.dunningOf(c)
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
			n, err := tx.Notice(b.t.Context(), b.noticesOfKind(plan, billing.NoticePaymentFailed)[0].ID)
			require.NoError(b.t, err)
			n.Status = billing.NoticeDropped
			d.RemindAt = time.Time{}
			require.NoError(b.t, tx.UpdateDunning(b.t.Context(), d))
			return tx.UpdateNotice(b.t.Context(), n)
		}))
		b.until(d.FinalAt.Add(time.Hour))
		require.Empty(b.t, b.noticesOfKind(plan, billing.NoticeFinal))
		require.Len(b.t, b.noticesOfKind(plan, billing.NoticePaymentFailed), 2)
		b.until(d.FinalAt.AddDate(0, 0, 1).Add(time.Hour))
		require.Len(b.t, b.noticesOfKind(plan, billing.NoticeFinal), 1)
		require.Equal(b.t, d.DeadlineAt.AddDate(0, 0, 1), b.dunningOf(c).DeadlineAt, "the customer has as many days from it")
		b.untilGivenUp(c)
		stopped := b.noticesOfKind(plan, billing.NoticePlanDefaulted)
		require.Len(b.t, stopped, 1)
		require.NotContains(b.t, stopped[0].Body, "Pay by", "that day has passed")
	})
}

// TestNoCardSaved_Words: for a plan that never had a card, no text speaks of a lost card.
func TestNoCardSaved_Words(t *testing.T) {
	eachEngine(t, func(b *bench) {
		if b.Account != "" {
			return // plans there are created only by the API
		}
		plan := b.adopted("")
		b.SetNow(b.Charge(plan.ID, 2).DueAt.Add(1))
		b.Settle()
		asked := b.noticesOfKind(plan.ID, billing.NoticePaymentFailed)
		require.Len(b.t, asked, 1)
		require.Contains(b.t, asked[0].Body, "No card is saved for this payment.")
		require.NotContains(b.t, asked[0].Body, "can no longer be charged")
		require.NotContains(b.t, asked[0].Body, "another card")
	})
}

// TestNotice_AddressOfToday: a mail that waits goes to the customer's address at the time it is
// sent.
func TestNotice_AddressOfToday(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.Mails.Fail = &billing.MailError{Err: errors.New("connection refused")}
		p := b.Started(good, nil)
		require.NoError(b.t, b.Store.Update(b.t.Context(), func(tx billing.Tx) error {
			c, err := tx.Customer(b.t.Context(), p.Plan.CustomerID)
			require.NoError(b.t, err)
			c.Email = "new@example.com"
			return tx.UpdateCustomer(b.t.Context(), c)
		}))
		b.Mails.Fail = nil
		b.SetNow(b.Now().Add(time.Minute))
		b.Settle()
		require.Equal(b.t, "new@example.com", b.Mails.Mails[0].To)
		require.Equal(b.t, "new@example.com", b.onlyNotice(p.Plan.ID).To)
	})
}

// TestPlanCompleted_LastSkipped: the completion is mailed once.
func TestPlanCompleted_LastSkipped(t *testing.T) {
	eachEngine(t, func(b *bench) {
		p := b.Started(good, func(t *terms.Terms) { t.Parts, t.Total = 2, 20000 })
		_, err := b.Operator().Skip(b.t.Context(), b.Charge(p.Plan.ID, 2).ID, "")
		require.NoError(b.t, err)
		b.Settle()
		told := b.noticesOfKind(p.Plan.ID, billing.NoticePlanCompleted)
		require.Len(b.t, told, 1)
		require.Equal(b.t, billing.NoticeSent, told[0].Status)
		require.Contains(b.t, told[0].Subject, "$100.00")
	})
}
