package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func listTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"pages of plans":           pagesOfPlans,
		"pages of notices":         pagesOfNotices,
		"pages of events":          pagesOfEvents,
		"pages of audit entries":   pagesOfAudit,
		"newest audit entries":     pagesOfNewestAudit,
		"order of charges":         orderOfCharges,
		"order of attempts, cards": orderOfAttempts,
		"at most MaxPage":          maxPage,
		"lists of many ids":        manyIDs,
	}
}

// pages walks a list by its cursor, two at a time, and returns what it saw.
func pages[T, C any](t *testing.T, list func(cursor C, limit int) ([]T, error), cursor func(T) C) []T {
	t.Helper()
	var seen []T
	var at C
	for {
		page, err := list(at, 2)
		require.NoError(t, err)
		if len(page) == 0 {
			return seen
		}
		require.LessOrEqual(t, len(page), 2)
		seen = append(seen, page...)
		at = cursor(page[len(page)-1])
	}
}

func pagesOfPlans(t *testing.T, f *fixture) {
	customer := f.customer()
	var all []billing.Plan
	for i := range 7 {
		f.now = f.now.Add(time.Millisecond) // ids sort by it
		p, _ := f.newPlan(customer.ID, 0)
		p.Status = []billing.PlanStatus{billing.PlanActive, billing.PlanPaused}[i%2]
		f.update(func(tx billing.Tx) error { return tx.InsertPlan(t.Context(), p, nil) })
		all = append(all, p)
	}
	slices.Reverse(all) // newest first
	for _, filter := range []billing.PlanFilter{
		{}, {Status: billing.PlanPaused}, {Customer: customer.ID}, {Customer: customer.ID, Status: billing.PlanActive}, {Customer: "cust_none"},
	} {
		seen := pages(t, func(cursor billing.PlanID, limit int) ([]billing.Plan, error) {
			filter.Before, filter.Limit = cursor, limit
			return f.Plans(t.Context(), filter)
		}, func(p billing.Plan) billing.PlanID { return p.ID })
		var want []billing.Plan
		for _, p := range all {
			if (filter.Status == "" || p.Status == filter.Status) && (filter.Customer == "" || p.CustomerID == filter.Customer) {
				want = append(want, p)
			}
		}
		require.Equal(t, want, seen)
	}
}

func pagesOfNotices(t *testing.T, f *fixture) {
	_, charges := f.plan(2)
	var all []billing.Notice
	for i := range 6 {
		f.now = f.now.Add(time.Millisecond)
		n := f.newNotice(charges[i%2], fmt.Sprint("step", i))
		n.Status = []billing.NoticeStatus{billing.NoticePending, billing.NoticeSent, billing.NoticeSent}[i%3]
		f.notice(n)
		all = append(all, n)
	}
	slices.Reverse(all)
	for _, filter := range []billing.NoticeFilter{
		{}, {Plan: charges[0].PlanID}, {Charge: charges[1].ID}, {Status: billing.NoticeSent},
		{Plan: charges[0].PlanID, Charge: charges[0].ID, Status: billing.NoticePending}, {Plan: "plan_none"},
	} {
		seen := pages(t, func(cursor billing.NoticeID, limit int) ([]billing.Notice, error) {
			filter.Before, filter.Limit = cursor, limit
			return f.Notices(t.Context(), filter)
		}, func(n billing.Notice) billing.NoticeID { return n.ID })
		var want []billing.Notice
		for _, n := range all {
			if (filter.Plan == "" || n.PlanID == filter.Plan) && (filter.Charge == "" || n.ChargeID == filter.Charge) &&
				(filter.Status == "" || n.Status == filter.Status) {
				want = append(want, n)
			}
		}
		require.Equal(t, want, seen)
	}
}

func pagesOfEvents(t *testing.T, f *fixture) {
	all := f.newEvents(7)
	for i := range all {
		all[i].Type = []string{"payment_intent.succeeded", "charge.refunded"}[i%2]
		all[i].Status = []billing.EventStatus{billing.EventPending, billing.EventPending, billing.EventIgnored}[i%3]
	}
	f.events(all)
	slices.Reverse(all)
	for _, filter := range []billing.EventFilter{
		{}, {Status: billing.EventPending}, {Type: "charge.refunded"}, {Type: "charge.refunded", Status: billing.EventIgnored}, {Type: "none"},
	} {
		seen := pages(t, func(cursor time.Time, limit int) ([]billing.Event, error) {
			filter.Before, filter.Limit = cursor, limit
			return f.Events(t.Context(), filter)
		}, func(e billing.Event) time.Time { return e.ReceivedAt })
		var want []billing.Event
		for _, e := range all {
			if (filter.Status == "" || e.Status == filter.Status) && (filter.Type == "" || e.Type == filter.Type) {
				want = append(want, e)
			}
		}
		require.Equal(t, want, seen)
	}
}

func pagesOfAudit(t *testing.T, f *fixture) {
	for i := range 3 {
		f.update(func(tx billing.Tx) error {
			return tx.InsertAudit(t.Context(),
				billing.AuditEntry{At: f.now.Add(-time.Duration(i) * time.Hour), PlanID: "plan_1", Message: fmt.Sprint(2 * i)},
				billing.AuditEntry{At: f.now, PlanID: "plan_2", Message: fmt.Sprint(2*i + 1)})
		})
	}
	f.update(func(tx billing.Tx) error { return tx.InsertAudit(t.Context()) }) // none is no error
	for plan, want := range map[billing.PlanID]string{"": "012345", "plan_1": "024", "plan_2": "135", "plan_3": ""} {
		seen := pages(t, func(cursor int64, limit int) ([]billing.AuditEntry, error) {
			return f.AuditTrail(t.Context(), billing.AuditFilter{Plan: plan, After: cursor, Limit: limit})
		}, func(e billing.AuditEntry) int64 { return e.Seq })
		var got strings.Builder
		for _, e := range seen {
			got.WriteString(e.Message)
		}
		require.Equal(t, want, got.String(), "in the order of writing, not of time")
	}
}

// pagesOfNewestAudit reads the trail backwards, with and without filters.
func pagesOfNewestAudit(t *testing.T, f *fixture) {
	for i := range 3 {
		f.update(func(tx billing.Tx) error {
			return tx.InsertAudit(t.Context(),
				billing.AuditEntry{At: f.now, PlanID: "plan_1", Actor: "key:1", Message: fmt.Sprint(3 * i)},
				billing.AuditEntry{At: f.now, Subject: "ep_1", Actor: "key:1", Message: fmt.Sprint(3*i + 1)},
				billing.AuditEntry{At: f.now, Subject: "ep_2", Actor: "cli:ada@ops1", Message: fmt.Sprint(3*i + 2)})
		})
	}
	for filter, want := range map[billing.AuditFilter]string{
		{}: "876543210", {Plan: "plan_1"}: "630", {Actor: "key:1"}: "764310", {Subject: "ep_2"}: "852",
		{Actor: "key:1", Subject: "ep_1"}: "741", {Actor: "key:1", Subject: "ep_2"}: "", {Actor: "key"}: "",
	} {
		filter.NewestFirst = true
		seen := pages(t, func(cursor int64, limit int) ([]billing.AuditEntry, error) {
			filter.Before, filter.Limit = cursor, limit
			return f.AuditTrail(t.Context(), filter)
		}, func(e billing.AuditEntry) int64 { return e.Seq })
		var got strings.Builder
		for _, e := range seen {
			got.WriteString(e.Message)
		}
		require.Equal(t, want, got.String(), "%+v", filter)
	}
}

func orderOfCharges(t *testing.T, f *fixture) {
	customer := f.customer()
	var plans []billing.PlanID
	var all []billing.Charge
	for range 3 {
		f.now = f.now.Add(time.Millisecond)
		p, charges := f.newPlan(customer.ID, 3)
		shuffled := []billing.Charge{charges[2], charges[0], charges[1]}
		f.update(func(tx billing.Tx) error { return tx.InsertPlan(t.Context(), p, shuffled) })
		plans, all = append(plans, p.ID), append(all, charges...)
	}
	same(t, all)(f.PlanCharges(t.Context(), plans[2], plans[0], plans[1], plans[0], "plan_none"))
	same(t, all[3:6])(f.PlanCharges(t.Context(), plans[1]))
	same(t, []billing.Charge(nil))(f.PlanCharges(t.Context()))
}

func orderOfAttempts(t *testing.T, f *fixture) {
	p, charges := f.plan(2)
	slices.SortFunc(charges, func(a, b billing.Charge) int { return cmp.Compare(a.ID, b.ID) })
	var attempts []billing.Attempt
	var cards []billing.Card
	for _, c := range charges {
		for number := range 3 {
			attempts = append(attempts, f.newAttempt(c.ID, number+1, billing.OutcomeDeclined))
		}
		f.now = f.now.Add(time.Millisecond)
		id := billing.NewCardID(f.now)
		cards = append(cards, billing.Card{
			ID: id, CustomerID: p.CustomerID, PaymentMethod: string(id), Status: billing.CardDetached, CreatedAt: f.now, UpdatedAt: f.now,
		})
	}
	f.update(func(tx billing.Tx) error {
		for _, i := range []int{5, 0, 3, 2, 4, 1} {
			require.NoError(t, tx.InsertAttempt(t.Context(), attempts[i]))
		}
		require.NoError(t, tx.InsertCard(t.Context(), cards[1]))
		return tx.InsertCard(t.Context(), cards[0])
	})
	same(t, attempts)(f.Attempts(t.Context(), charges[1].ID, charges[0].ID))
	same(t, cards)(f.Cards(t.Context(), p.CustomerID))
}

func maxPage(t *testing.T, f *fixture) {
	entries := make([]billing.AuditEntry, billing.MaxPage+10)
	for i := range entries {
		entries[i] = billing.AuditEntry{At: f.now}
	}
	f.update(func(tx billing.Tx) error { return tx.InsertAudit(t.Context(), entries...) })
	f.events(f.newEvents(billing.MaxPage + 10))
	for limit, want := range map[int]int{0: billing.MaxPage, -1: billing.MaxPage, billing.MaxPage + 1: billing.MaxPage, 3: 3} {
		list, err := f.AuditTrail(t.Context(), billing.AuditFilter{Limit: limit})
		require.NoError(t, err)
		require.Len(t, list, want)
		events, err := f.Events(t.Context(), billing.EventFilter{Limit: limit})
		require.NoError(t, err)
		require.Len(t, events, want)
	}
}

// manyIDs asks for more ids than one statement names.
func manyIDs(t *testing.T, f *fixture) {
	customers := make([]billing.Customer, 1203)
	ids := make([]billing.CustomerID, len(customers))
	for i := range customers {
		ids[i] = billing.NewCustomerID(f.now.Add(time.Duration(i) * time.Millisecond))
		customers[i] = billing.Customer{ID: ids[i], Reference: string(ids[i]), CreatedAt: f.now, UpdatedAt: f.now}
	}
	f.update(func(tx billing.Tx) error {
		for _, c := range customers {
			if err := tx.InsertCustomer(t.Context(), c); err != nil {
				return err
			}
		}
		return nil
	})
	slices.Reverse(ids)
	same(t, customers)(f.Customers(t.Context(), ids...))
}
