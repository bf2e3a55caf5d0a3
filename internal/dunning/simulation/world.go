package simulation

import (
	"math/rand/v2"
	"slices"
	"time"

	"tranche/internal/calendar"
	"tranche/internal/dunning"
)

// Hours of a customer's day at which something happens.
const (
	nightPay   = 3  // most salaries arrive overnight
	noonPay    = 13 // some arrive at noon
	spendHour  = 19
	chargeHour = 9
)

// pay is the rhythm of a customer's paydays.
type pay int

const (
	payFirst pay = iota
	payLastWeekday
	paySemiMonthly
	payBiweekly
	payWeekly
	payIrregular
)

// span is an interval when a bank declines everything, with the code.
type span struct {
	from, to time.Time
	code     string
}

// customer is one invented customer, independent of the retrier.
type customer struct {
	start    time.Time
	pay      pay
	phase    int   // of biweekly and irregular pay
	income   int64 // each payday, minor units
	payHour  int
	spends   float64 // share of the income that the customer means to spend
	bills    float64 // part of the spending that goes out right after payday
	lasts    float64 // part of the time until the next payday; the rest is spent in it
	balance  int64   // on the first day
	mute     bool    // the bank says do_not_honor where others say insufficient_funds
	anchor   int     // day of the month when a charge falls due
	amount   int64
	outages  []span // outages, limits and declines without a reason
	cardFrom time.Time
	cardCode string    // why the card is unusable from cardFrom on; empty if it stays good
	authSeq  []bool    // charges that the bank wants authenticated
	replies  [2]uint64 // seeds whether and when the customer acts: the same for every retrier
	paydays  []bool    // of each day
	noise    []float64 // of each day's spending
}

// share draws an index by weight.
func share(r *rand.Rand, weights ...float64) int {
	x := r.Float64()
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

// periodsPerYear is the number of paydays per year.
var periodsPerYear = map[pay]float64{
	payFirst: 12, payLastWeekday: 12, paySemiMonthly: 24, payBiweekly: 26, payWeekly: 52, payIrregular: 52,
}

func newCustomer(seed uint64, index int, start time.Time, days int) *customer {
	r := rand.New(rand.NewPCG(seed, uint64(index)))                                //nolint:gosec // a model, and no secret
	c := &customer{start: start, replies: [2]uint64{seed ^ 0x5eed, uint64(index)}} //nolint:gosec // an index is never negative
	c.pay = pay(share(r, 0.22, 0.30, 0.13, 0.20, 0.07, 0.08))
	c.phase = r.IntN(14)
	yearly := between(r, 18_000_00, 60_000_00)
	c.income = int64(yearly / periodsPerYear[c.pay])
	c.payHour = []int{nightPay, noonPay}[share(r, 0.75, 0.25)]
	c.mute = r.Float64() < 0.15
	c.anchor = 1 + r.IntN(28)
	c.amount = int64(yearly / 12 * between(r, 0.05, 0.15))
	switch share(r, 0.65, 0.25, 0.10) {
	case 0: // comfortable
		c.spends, c.bills, c.lasts, c.balance = between(r, 0.70, 0.92), 0.35, 1, int64(yearly/12*between(r, 0.5, 3))
	case 1: // tight
		c.spends, c.bills, c.lasts, c.balance = between(r, 0.92, 1.02), 0.5, 0.8, int64(yearly/12*between(r, 0, 0.3))
	default: // strained
		c.spends, c.bills, c.lasts, c.balance = between(r, 1.0, 1.2), between(r, 0.6, 0.9), between(r, 0.3, 0.6), 0
	}
	first := calendar.DateOf(start, time.UTC)
	for day := range days {
		c.noise = append(c.noise, between(r, 0.3, 1.7))
		c.paydays = append(c.paydays, c.paid(first.AddDays(day)))
	}
	c.authSeq = make([]bool, days/28+2)
	for i := range c.authSeq {
		c.authSeq[i] = r.Float64() < 0.01
	}
	c.invent(r, days)
	return c
}

// invent adds declines that have no visible reason.
func (c *customer) invent(r *rand.Rand, days int) {
	for d := range days {
		at := c.start.AddDate(0, 0, d).Add(time.Duration(r.IntN(24)) * time.Hour)
		add := func(chance, low, high float64, codes ...string) {
			if r.Float64() < chance {
				hours := between(r, low, high)
				c.outages = append(c.outages, span{at, at.Add(time.Duration(hours * float64(time.Hour))), codes[r.IntN(len(codes))]})
			}
		}
		add(0.010, 2, 30, "issuer_not_available", "processing_error", "try_again_later")
		add(0.004, 12, 96, "card_velocity_exceeded", "withdrawal_count_limit_exceeded")
		add(0.004, 24, 14*24, "do_not_honor", "generic_decline", "call_issuer")
	}
	if r.Float64() < 0.07 { // half of the expired cards are renewed by the networks, unnoticed
		c.cardCode = []string{"expired_card", "lost_card", "stolen_card", "invalid_account"}[share(r, 0.6, 0.2, 0.1, 0.1)]
		c.cardFrom = c.start.AddDate(0, 0, r.IntN(days))
	}
}

// paid reports whether a day is a payday. A payday on a weekend moves to the Friday before.
func (c *customer) paid(d calendar.Date) bool {
	weekday := time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC).Weekday()
	days := calendar.DaysBetween(calendar.DateOf(c.start, time.UTC), d)
	switch c.pay {
	case payFirst:
		return before(d, 1)
	case payLastWeekday:
		return d == dunning.LastWeekday(d.Year, d.Month)
	case paySemiMonthly:
		return d == dunning.LastWeekday(d.Year, d.Month) || before(d, 15)
	case payBiweekly:
		return weekday == time.Friday && ((days+c.phase)/7)%2 == 0
	case payWeekly:
		return weekday == time.Friday
	default:
		return (days*5+c.phase*3)%7 == 0
	}
}

// before reports whether pay that is due on a day of the month arrives on d.
func before(d calendar.Date, dayOfMonth int) bool {
	for ahead := range 3 {
		due := d.AddDays(ahead)
		weekday := time.Date(due.Year, due.Month, due.Day, 12, 0, 0, 0, time.UTC).Weekday()
		if due.Day != dayOfMonth {
			continue
		}
		switch weekday {
		case time.Saturday:
			return ahead == 1
		case time.Sunday:
			return ahead == 2
		default:
			return ahead == 0
		}
	}
	return false
}

// spend returns what the customer spends on a day, at most the balance: bills on the days after
// payday, and the rest over a part of the time until the next payday.
func (c *customer) spend(day, sincePay int, balance int64) int64 {
	period := 365 / periodsPerYear[c.pay]
	wanted := 0.0
	if float64(sincePay) <= period*c.lasts {
		wanted = float64(c.income) * c.spends * (1 - c.bills) / (period * c.lasts) * c.noise[day]
	}
	if billDays := min(3, int(period)/3); sincePay < billDays {
		wanted += float64(c.income) * c.spends * c.bills / float64(billDays)
	}
	return max(min(int64(wanted), balance), 0)
}

// answer returns the bank's decline code for a charge, or "" for approval.
func (c *customer) answer(at time.Time, ch *charge, balance int64, newCard, authenticated bool) string {
	if c.cardCode != "" && !newCard && !at.Before(c.cardFrom) {
		return c.cardCode
	}
	if c.authSeq[ch.number] && !authenticated {
		return "authentication_required"
	}
	i := slices.IndexFunc(c.outages, func(s span) bool { return !at.Before(s.from) && at.Before(s.to) })
	switch {
	case i >= 0:
		return c.outages[i].code
	case balance >= c.amount:
		return ""
	case c.mute:
		return "do_not_honor"
	}
	return "insufficient_funds"
}
