package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"time"
)

// order is one customer's agreement, with the customer's behavior. All orders of a run follow from
// its seed.
type order struct {
	Reference string
	At        time.Duration // after the start
	Kind      string        // installments or deposit
	Currency  string
	Total     int64
	First     int64 // the deposit, or the first part if the merchant creates its own PaymentIntent
	Parts     int
	Every     string
	BalanceIn int // days until the balance is due
	Customer  string
	Zone      string
	CatchUp   string // how charges missed during downtime are collected; empty for the default, one a day
	Own       bool   // the merchant creates its own PaymentIntent, with metadata
	Twice     bool   // the merchant's server sends each request twice at the same time
	Card      card
	Habits    habits
	Stop      stopping
}

// habits are how a customer reacts to mails.
type habits struct {
	Leaves    bool          // never pays at the checkout
	Ignores   bool          // ignores all mails
	Patience  int           // number of mails after which the customer acts
	Thinks    time.Duration // before acting
	AtRetry   bool          // pays at the same time as the charge is retried
	NewCard   string        // the card to pay with instead
	AgainFail bool          // tries a card that is declined first
}

// currencies lists each currency with the multiple and the rough size of its amounts.
var currencies = []struct {
	code         string
	unit, amount int64
}{{"usd", 1, 30000}, {"usd", 1, 9000}, {"eur", 1, 45000}, {"jpy", 1, 20000}, {"kwd", 10, 25000}}

var intervals = []string{"1 day", "2 days", "3 days", "1 week", "1 week", "10 days", "2 weeks", "1 month"}

// cards are the cards of the load; most are good.
var cards = []card{
	{Number: "4242424242424242"}, {Number: "4242424242424242"}, {Number: "4242424242424242"}, {Number: "5555555555554444"},
	{Number: "4000002500003155"}, {Number: "4000002760000016"}, {Number: "4000002760003184"}, {Number: "4000008260003178"},
	{Number: "4242424242424242", Metadata: map[string]string{"sim_decline_later": "insufficient_funds", "sim_decline_count": "1"}},
	{Number: "4242424242424242", Metadata: map[string]string{"sim_decline_later": "insufficient_funds", "sim_decline_count": "3"}},
	{Number: "4242424242424242", Metadata: map[string]string{"sim_decline_later": "do_not_honor", "sim_decline_count": "2"}},
	{Number: "4242424242424242", Metadata: map[string]string{"sim_decline_later": "expired_card"}},
	{Number: "4242424242424242", Metadata: map[string]string{"sim_decline_later": "lost_card"}},
	{Number: "4242424242424242", Metadata: map[string]string{"sim_decline_later": "processing_error", "sim_decline_count": "2"}},
	{Number: "4000000000000341"},
}

var zones = []string{"Europe/London", "America/New_York", "Asia/Tokyo", "Pacific/Auckland", "UTC"}

// planOrders draws n orders, spread evenly over a duration.
func planOrders(seed uint64, n int, over time.Duration) []order {
	r := stream(seed, "orders")
	orders := make([]order, n)
	for i := range orders {
		o := order{
			Reference: fmt.Sprintf("order-%04d", i), At: over * time.Duration(i) / time.Duration(n),
			Card: pick(r, cards...), Zone: pick(r, zones...), Twice: r.IntN(5) == 0, Habits: drawHabits(r),
		}
		// One order in six belongs to a customer who already has a plan.
		o.Customer = fmt.Sprintf("cust-%04d", i)
		if i > 0 && r.IntN(6) == 0 {
			o.Customer = orders[r.IntN(i)].Customer
		}
		drawTerms(r, &o)
		orders[i] = o
	}
	// Most orders catch up at once. On the fast clock each restart misses hours of charges, which
	// would take long at one a day.
	c := stream(seed, "catch_up")
	for i := range orders {
		orders[i].CatchUp = pick(c, "all", "all", "all", "all", "")
	}
	return orders
}

// drawTerms draws the terms of an order.
func drawTerms(r *rand.Rand, o *order) {
	c := pick(r, currencies...)
	o.Kind, o.Currency = "installments", c.code
	o.Parts, o.Every = 2+r.IntN(5), pick(r, intervals...)
	o.Total = (c.amount/2 + r.Int64N(c.amount)) / c.unit * c.unit * int64(o.Parts)
	o.Total += r.Int64N(int64(o.Parts)) * c.unit // an odd cent
	switch r.IntN(5) {
	case 0:
		o.Kind, o.BalanceIn = "deposit", 3+r.IntN(40)
		o.First = o.Total / 5 / c.unit * c.unit
	case 1:
		o.Own, o.Twice = true, false
		o.First = o.Total / int64(o.Parts) / c.unit * c.unit
	}
}

func drawHabits(r *rand.Rand) habits {
	return habits{
		Leaves: r.IntN(25) == 0, Ignores: r.IntN(8) == 0, Patience: 1 + r.IntN(3), Thinks: between(r, 50*time.Millisecond, 4*time.Second),
		AtRetry: r.IntN(3) == 0, NewCard: pick(r, "4242424242424242", "5555555555554444", "4000002500003155"), AgainFail: r.IntN(6) == 0,
	}
}

// email returns the customer's address.
func (o order) email() string { return o.Customer + "@example.com" }

// request returns the body of POST /v1/plans. now is the simulated time of the order. The body is
// made once, because a repeated order must send the same request.
func (o order) request(now time.Time) []byte {
	terms := map[string]any{
		"reference": o.Reference, "kind": o.Kind, "currency": o.Currency, "total": o.Total,
		"customer": map[string]string{"reference": o.Customer, "email": o.email(), "name": "Customer " + o.Customer, "timezone": o.Zone},
	}
	if o.CatchUp != "" {
		terms["catch_up"] = o.CatchUp
	}
	if o.Kind == "deposit" {
		terms["deposit"], terms["balance_due"] = o.First, now.AddDate(0, 0, o.BalanceIn).Format(time.DateOnly)
	} else {
		terms["parts"], terms["every"] = o.Parts, o.Every
	}
	body, _ := json.Marshal(terms) // strings and numbers always encode
	return body
}

// intentForm returns the PaymentIntent of a merchant that does not call Tranche's API: its metadata
// holds the terms.
func (o order) intentForm() url.Values {
	form := url.Values{
		"amount": {strconv.FormatInt(o.First, 10)}, "currency": {o.Currency}, "payment_method_types[]": {"card"},
		"setup_future_usage": {"off_session"},
	}
	for key, value := range map[string]string{
		"reference": o.Reference, "kind": o.Kind, "total": strconv.FormatInt(o.Total, 10), "parts": strconv.Itoa(o.Parts),
		"every": o.Every, "customer": o.Customer, "email": o.email(), "timezone": o.Zone,
	} {
		form.Set("metadata[tranche_"+key+"]", value)
	}
	if o.CatchUp != "" {
		form.Set("metadata[tranche_catch_up]", o.CatchUp)
	}
	return form
}

// parts returns the number of charges of the plan.
func (o order) parts() int {
	if o.Kind == "deposit" {
		return 2
	}
	return o.Parts
}
