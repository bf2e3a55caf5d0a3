package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/view"
)

// demoReport is the JSON of the demo.
type demoReport struct {
	Plans     []view.Plan    `json:"plans"`
	Customers []demoCustomer `json:"customers"`
	Notices   []view.Notice  `json:"notices"`
	Stripe    struct {
		PaymentIntents []json.RawMessage `json:"payment_intents"`
	} `json:"stripe"`
	Totals demoTotals `json:"totals"`

	cards map[string]string // test card by plan reference
}

// demoCustomer is a customer with all saved cards; the list may be empty, but not null.
type demoCustomer struct {
	view.Customer
	Cards []view.Card `json:"cards"`
}

// demoTotals compares the ledger with the simulator's own record.
type demoTotals struct {
	Currencies []demoTotal `json:"currencies"`
	Mails      int         `json:"mails"`
	Problems   []string    `json:"problems"`
}

// demoTotal is the collected sum in one currency, in minor units.
type demoTotal struct {
	Currency money.Currency `json:"currency"`
	Agreed   int64          `json:"agreed"`
	Ledger   int64          `json:"ledger"`
	Stripe   int64          `json:"stripe"`
}

// simIntent holds the fields of a PaymentIntent that the check reads.
type simIntent struct {
	ID             string         `json:"id"`
	Status         string         `json:"status"`
	AmountReceived int64          `json:"amount_received"`
	Currency       money.Currency `json:"currency"`
}

// report reads the ledger from the database, and the other facts from the simulator and the mail
// server.
func (w *demoWorld) report(ctx context.Context) (*demoReport, error) {
	s := w.app.Store()
	r := &demoReport{cards: map[string]string{}}
	for _, a := range w.actors {
		plan, err := s.PlanByReference(ctx, a.terms.Reference)
		if err != nil {
			return nil, err
		}
		details, err := billing.LoadDetails(ctx, s, plan.ID)
		if err != nil {
			return nil, err
		}
		cards, err := s.Cards(ctx, plan.CustomerID)
		if err != nil {
			return nil, err
		}
		r.Plans = append(r.Plans, view.NewPlan(details))
		customer := view.NewCustomer(details.Customer, cards)
		r.Customers = append(r.Customers, demoCustomer{customer, append([]view.Card{}, customer.Cards...)})
		r.cards[plan.Reference] = a.card
	}
	for n, err := range billing.EachNotice(ctx, s, billing.NoticeFilter{}) {
		if err != nil {
			return nil, err
		}
		r.Notices = append(r.Notices, view.NewNotice(n))
	}
	slices.Reverse(r.Notices) // oldest first
	r.Stripe.PaymentIntents = w.sim.PaymentIntents()
	r.Totals.Mails = w.mails.count()
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// check compares the ledger with the simulator's record, in both directions, and the notices with
// the mails.
func (r *demoReport) check() error {
	intents, err := r.intents()
	if err != nil {
		return err
	}
	r.Totals.Problems = []string{}
	settled := map[string]billing.ChargeID{}
	for _, p := range r.Plans {
		r.checkPlan(p, intents, settled)
	}
	for _, pi := range intents {
		if pi.Status != "succeeded" {
			continue
		}
		r.total(pi.Currency).Stripe += pi.AmountReceived
		if settled[pi.ID] == "" {
			r.problem("%s succeeded at Stripe but pays no charge here", pi.ID)
		}
	}
	if sent := r.sentMails(); sent != r.Totals.Mails {
		r.problem("%d mails are marked as sent, and %d arrived", sent, r.Totals.Mails)
	}
	return nil
}

// checkPlan adds a plan to the totals and looks each paid charge up at Stripe.
func (r *demoReport) checkPlan(p view.Plan, intents map[string]simIntent, settled map[string]billing.ChargeID) {
	total, sum := r.total(p.Currency), int64(0)
	total.Agreed += p.Total
	for _, c := range p.Charges {
		sum += c.Amount
		if c.Status != billing.ChargeSucceeded {
			continue
		}
		total.Ledger += c.Amount
		if other, twice := settled[c.PaymentIntent]; twice {
			r.problem("charges %s and %s were paid by the same %s", other, c.ID, c.PaymentIntent)
		}
		settled[c.PaymentIntent] = c.ID
		if pi := intents[c.PaymentIntent]; pi.Status != "succeeded" || pi.AmountReceived != c.Amount || pi.Currency != c.Currency {
			r.problem("charge %s is paid here; at Stripe %s is %q with %d %s", c.ID, c.PaymentIntent, pi.Status, pi.AmountReceived, pi.Currency)
		}
	}
	if sum != p.Total {
		r.problem("the charges of %s add up to %d, not %d", p.Reference, sum, p.Total)
	}
}

func (r *demoReport) problem(format string, args ...any) {
	r.Totals.Problems = append(r.Totals.Problems, fmt.Sprintf(format, args...))
}

func (r *demoReport) intents() (map[string]simIntent, error) {
	intents := make(map[string]simIntent, len(r.Stripe.PaymentIntents))
	for _, raw := range r.Stripe.PaymentIntents {
		var pi simIntent
		if err := json.Unmarshal(raw, &pi); err != nil {
			return nil, err
		}
		intents[pi.ID] = pi
	}
	return intents, nil
}

// total returns the line of a currency, and adds it if it is missing.
func (r *demoReport) total(c money.Currency) *demoTotal {
	for i := range r.Totals.Currencies {
		if r.Totals.Currencies[i].Currency == c {
			return &r.Totals.Currencies[i]
		}
	}
	r.Totals.Currencies = append(r.Totals.Currencies, demoTotal{Currency: c})
	return &r.Totals.Currencies[len(r.Totals.Currencies)-1]
}

// sentMails counts the notices that were sent in separate mails.
func (r *demoReport) sentMails() int {
	n := 0
	for _, v := range r.Notices {
		if v.Status == billing.NoticeSent && v.MailedWith == "" {
			n++
		}
	}
	return n
}

// printLedger prints every charge, and the totals next to Stripe's.
func (r *demoReport) printLedger(w io.Writer) {
	fmt.Fprint(w, "\nLEDGER\n\n")
	tab := newTable("PLAN", "CARD", "CUSTOMER", "#", "DUE", "AMOUNT", "ATTEMPTS", "OUTCOME")
	for _, p := range r.Plans {
		plan, card, customer := p.Reference, "…"+r.cards[p.Reference][12:], p.Customer.Reference
		for _, c := range p.Charges {
			due := "on request"
			if !c.DueAt.IsZero() {
				due = c.DueAt.In(billing.LoadLocation(p.Customer.TimeZone)).Format("2006-01-02 15:04")
			}
			tab.add(plan, card, customer, strconv.Itoa(c.Sequence), due, money.FormatAmount(c.Amount, c.Currency), attempts(c), string(c.Status))
			plan, card, customer = "", "", ""
		}
	}
	tab.print(w)
	fmt.Fprint(w, "\nTOTALS\n\n")
	tab = newTable("CURRENCY", "AGREED", "COLLECTED HERE", "AT STRIPE", "")
	for _, t := range r.Totals.Currencies {
		verdict := "agree"
		if t.Ledger != t.Stripe {
			verdict = "DIFFER"
		}
		f := func(amount int64) string { return money.FormatAmount(amount, t.Currency) }
		tab.add(string(t.Currency), f(t.Agreed), f(t.Ledger), f(t.Stripe), verdict)
	}
	tab.print(w)
	for _, p := range r.Totals.Problems {
		fmt.Fprintln(w, "PROBLEM: "+p)
	}
}

// attempts describes the attempts of a charge: the declines by code, then the result.
func attempts(c view.Charge) string {
	var text strings.Builder
	text.WriteString(strconv.Itoa(len(c.Attempts)))
	var codes []string
	for _, a := range c.Attempts {
		if a.DeclineCode != nil && !slices.Contains(codes, *a.DeclineCode) {
			codes = append(codes, *a.DeclineCode)
		}
	}
	for _, code := range codes {
		text.WriteString(" " + code)
	}
	return text.String()
}
