package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"tranche/internal/billing"
	"tranche/internal/dunning"
)

// Options set the size of a simulation.
type Options struct {
	Customers int
	Days      int
	Seed      uint64
}

// Retrier decides when failed charges are retried.
type Retrier struct {
	Name   string
	Policy dunning.Policy
	// decide decides what follows a failure; nil uses dunning.Decide with the policy's own days.
	decide func(h dunning.History, deadline time.Time) dunning.Decision
	sees   bool // the balances: it retries once a retry would succeed
}

// Ours returns a retrier that follows a policy as production does.
func Ours(p dunning.Policy) Retrier { return Retrier{Name: "Tranche, policy " + p.Name, Policy: p} }

// EveryDays returns a retrier that ignores the decline code: it retries a number of times, days
// apart.
func EveryDays(days, times int, p dunning.Policy) Retrier {
	return Retrier{
		Name: fmt.Sprintf("every %d days, %d times", days, times), Policy: p,
		decide: func(h dunning.History, _ time.Time) dunning.Decision {
			d := dunning.Decision{Status: billing.ChargeFailed, Notice: billing.NoticePaymentFailed}
			if n := len(h.Attempts); n <= times {
				d.Status, d.NextAttemptAt = billing.ChargeRetrying, h.Now.AddDate(0, 0, days)
			}
			return d
		},
	}
}

// AllKnowing returns a retrier that sees the balances, the outages and the cards. It learns of a
// failure once, asks the customer in the same cases as Ours, and retries in the first hour when
// a retry succeeds. No schedule can do better.
func AllKnowing(p dunning.Policy) Retrier {
	return Retrier{Name: "all-knowing (the ceiling)", Policy: p, sees: true}
}

// Result is the outcome of a year.
type Result struct {
	Name      string
	Charges   int // made, each once
	Failed    int // whose first attempt failed
	Recovered int // of those, paid before the deadline
	Retries   int
	Notices   int // about failures
	Customers int // with at least one failure
}

// Share returns the share of failed charges that were recovered.
func (r Result) Share() float64 { return float64(r.Recovered) / float64(max(r.Failed, 1)) }

// RetriesPerRecovery returns the number of retries per recovered charge.
func (r Result) RetriesPerRecovery() float64 {
	return float64(r.Retries) / float64(max(r.Recovered, 1))
}

// NoticesPerCustomer returns the number of notices per customer with a failure.
func (r Result) NoticesPerCustomer() float64 {
	return float64(r.Notices) / float64(max(r.Customers, 1))
}

// start is a Thursday, so that weekends fall as in 2026.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Run simulates the days with one retrier. Charges that fail late still have their full deadline.
func Run(o Options, with Retrier) Result {
	return run(o, newWorld(o), with)
}

// tail is how many days after the last due date the simulation waits for deadlines.
const tail = 60

// newWorld invents the customers.
func newWorld(o Options) []*customer {
	world := make([]*customer, o.Customers)
	for i := range world {
		world[i] = newCustomer(o.Seed, i, start, o.Days+tail)
	}
	return world
}

func run(o Options, world []*customer, with Retrier) Result {
	total := Result{Name: with.Name}
	for _, c := range world {
		l := &life{c: c, with: with, last: o.Days, balance: c.balance}
		l.replies = rand.New(rand.NewPCG(c.replies[0], c.replies[1])) //nolint:gosec // a model, and no secret
		l.live(o.Days + min(with.Policy.DeadlineDays+2, tail))
		total.Charges += l.made
		total.Failed += l.failed
		total.Recovered += l.recovered
		total.Retries += l.retries
		total.Notices += l.notices
		if l.failed > 0 {
			total.Customers++
		}
	}
	return total
}

// charge is a charge that fell due or is in dunning.
type charge struct {
	number   int
	id       billing.ChargeID
	open     bool
	waits    bool // for the customer
	next     time.Time
	attempts []billing.Attempt

	remind, final, deadline time.Time
	reply                   time.Time // when the customer acts; zero for never
	mailed                  int
}

// life is one customer's year with one retrier.
type life struct {
	c       *customer
	with    Retrier
	replies *rand.Rand
	last    int // day after which nothing falls due

	balance       int64
	newCard       bool
	open          []*charge
	declines      []time.Time
	made          int
	failed        int
	recovered     int
	retries       int
	notices       int
	authenticated map[int]bool
}

func (l *life) live(days int) {
	l.authenticated = map[int]bool{}
	sincePay := 7
	for day := range days {
		payday, dayOfMonth := l.c.paydays[day], l.c.start.AddDate(0, 0, day).Day()
		sincePay++
		for hour := range 24 {
			if l.idle(hour) {
				continue
			}
			at := l.c.start.Add(time.Duration(24*day+hour) * time.Hour)
			if payday && hour == l.c.payHour {
				l.balance += l.c.income
				sincePay = 0
			}
			if hour == chargeHour && dayOfMonth == l.c.anchor && day < l.last {
				l.fallsDue(at)
			}
			l.hour(at)
			if hour == spendHour {
				l.balance -= l.c.spend(day, sincePay, l.balance)
			}
		}
	}
}

// idle reports whether nothing can happen in an hour.
func (l *life) idle(hour int) bool {
	return len(l.open) == 0 && hour != l.c.payHour && hour != chargeHour && hour != spendHour
}

// fallsDue makes the first attempt at a charge.
func (l *life) fallsDue(at time.Time) {
	l.made++
	ch := &charge{number: l.made, id: billing.ChargeID(fmt.Sprintf("chg_%d_%d", l.c.phase, l.made))}
	code := l.try(ch, at)
	if code == "" {
		return
	}
	l.failed++
	ch.open = true
	ch.remind, ch.final, ch.deadline = l.with.Policy.Milestones(ch.id, at, time.UTC)
	l.open = append(l.open, ch)
	l.follow(ch, code, at)
}

// try asks the bank, and takes the money if it approves.
func (l *life) try(ch *charge, at time.Time) string {
	code := l.c.answer(at, ch, l.balance, l.newCard, l.authenticated[ch.number])
	a := billing.Attempt{
		Number: len(ch.attempts) + 1, Initiator: billing.InitiatorMerchant, Outcome: billing.OutcomeSucceeded, CreatedAt: at,
		Params: billing.PaymentParams{PaymentMethod: "pm"},
	}
	if code == "" {
		l.balance -= l.c.amount
	} else {
		a.Outcome, a.Failure = billing.OutcomeDeclined, billing.Failure{Code: "card_declined", DeclineCode: code}
		l.declines = append(l.declines, at)
	}
	ch.attempts = append(ch.attempts, a)
	return code
}

// follow applies the retrier's decision after a failure.
func (l *life) follow(ch *charge, code string, at time.Time) {
	h := dunning.History{
		Charge: ch.id, Now: at, Location: time.UTC, Kind: dunning.FailureDeclined, Brand: "visa", PaymentMethod: "pm", Attempts: ch.attempts,
		Failure: billing.Failure{Code: "card_declined", DeclineCode: code}, CardDeclines: l.declines, Deadline: ch.deadline,
	}
	var d dunning.Decision
	if l.with.decide != nil {
		d = l.with.decide(h, ch.deadline)
	} else {
		h.FinalSent = ch.final.IsZero()
		d = dunning.Decide(dunning.Timetable{}, l.with.Policy, h)
	}
	ch.next, ch.waits = d.NextAttemptAt, d.Status == billing.ChargeRequiresAction || d.Status == billing.ChargeRequiresPaymentMethod || d.Status == billing.ChargeFailed
	if d.Notice != "" {
		l.mail(ch, dunning.Classify(h.Failure, h.Brand).Class, at)
	}
}

// Probabilities that a customer acts on a notice. They are assumptions, the same for every retrier.
const (
	actsWhenAsked   = 0.40 // only the customer can resolve the failure
	actsOnReport    = 0.05 // a retry follows, or the last retry failed
	tiresEachNotice = 0.75
)

// mail notifies the customer, who may act some time later.
func (l *life) mail(ch *charge, class dunning.Class, at time.Time) {
	l.notices++
	chance := actsOnReport
	if !class.Timed() {
		chance = actsWhenAsked
	}
	for range ch.mailed {
		chance *= tiresEachNotice
	}
	ch.mailed++
	acts, wait := l.replies.Float64() < chance, l.replies.ExpFloat64()*30
	if acts && ch.reply.IsZero() {
		ch.reply = at.Add(time.Duration((2 + wait) * float64(time.Hour)))
	}
}

// hour does what is due for the charges in dunning.
func (l *life) hour(at time.Time) {
	left := l.open[:0]
	for _, ch := range l.open {
		l.step(ch, at)
		if ch.open {
			left = append(left, ch)
		}
	}
	l.open = left
}

func due(t, at time.Time) bool { return !t.IsZero() && t.Before(at.Add(time.Hour)) }

func (l *life) step(ch *charge, at time.Time) {
	switch {
	case due(ch.deadline, at):
		ch.open = false
		return
	case due(ch.reply, at):
		ch.reply = time.Time{}
		l.act(ch, at)
	case l.with.sees:
		l.peek(ch, at)
	case due(ch.next, at):
		ch.next = time.Time{}
		l.retry(ch, at)
	}
	if l.with.decide == nil && ch.open {
		l.announce(ch, at)
	}
}

// announce sends the reminder and the final notice, as production does.
func (l *life) announce(ch *charge, at time.Time) {
	class := dunning.Classify(ch.attempts[len(ch.attempts)-1].Failure, "visa").Class
	if due(ch.remind, at) {
		ch.remind = time.Time{}
		if ch.waits {
			l.mail(ch, class, at)
		}
	}
	if due(ch.final, at) {
		ch.final = time.Time{}
		l.mail(ch, class, at)
	}
}

func (l *life) retry(ch *charge, at time.Time) {
	l.retries++
	if code := l.try(ch, at); code != "" {
		l.follow(ch, code, at)
		return
	}
	l.recover(ch)
}

// peek is the all-knowing retry: it is made only if it succeeds.
func (l *life) peek(ch *charge, at time.Time) {
	if l.c.answer(at, ch, l.balance, l.newCard, l.authenticated[ch.number]) == "" {
		l.retry(ch, at)
	}
}

// act simulates the customer paying on the page: with another card if the saved one is unusable,
// with authentication, and with money moved from elsewhere if the balance is too low. The payment
// still fails during an outage.
func (l *life) act(ch *charge, at time.Time) {
	if l.c.cardCode != "" && !at.Before(l.c.cardFrom) {
		l.newCard = true
	}
	l.authenticated[ch.number] = true
	if l.balance < l.c.amount {
		l.balance = l.c.amount
	}
	if l.c.answer(at, ch, l.balance, l.newCard, true) != "" {
		return
	}
	l.balance -= l.c.amount
	l.recover(ch)
}

func (l *life) recover(ch *charge) {
	ch.open = false
	l.recovered++
}
