//go:build !race

package jobs_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
	"tranche/internal/planning"
	"tranche/internal/task"
	"tranche/internal/terms"
	"tranche/internal/testbench"
)

// year is a shop with many plans in a synctest bubble: it uses no network, and time passes while
// all goroutines wait.
type year struct {
	*bench
	chance *rand.Rand
	world  witness
	plans  []*lived
	queue  []billing.Task
	lost   bool     // tasks were lost in this step; their rows come back when the leases end
	cause  []string // the latest actions, for the text of a failure
}

// lived is one plan of the year, with its observed course so far.
type lived struct {
	id       billing.PlanID
	terms    terms.Terms
	began    time.Time
	touched  bool // it was changed, so its dates can't be calculated from the terms any more
	versions []billing.PlanVersion
}

// newYear creates an empty shop. It is called in the bubble.
func newYear(t *testing.T, seed uint64) *year {
	y := &year{chance: rand.New(rand.NewPCG(seed, 5)), world: witness{Scratch: scratch(t), mu: &sync.Mutex{}, seen: map[step]bool{}}}
	account := ""
	if seed%2 == 1 { // this year's plans are in a connected account
		account = "acct_1Villa"
	}
	y.bench = &bench{testbench.New(t, testbench.Config{
		Store: y.world, Account: account, Bubble: true, OnRequest: y.mayBeCharged, Seed: seed, Silent: true,
	}), t}
	return y
}

// mayBeCharged checks each request to Stripe on arrival: it may only charge an unpaid due charge of
// a plan that collects. This must hold no matter what else is in flight.
func (y *year) mayBeCharged(r *http.Request) {
	if r.Method != http.MethodPost || r.Body == nil || !strings.HasPrefix(r.URL.Path, "/v1/payment_intents") {
		return
	}
	body, err := io.ReadAll(r.Body)
	require.NoError(y.t, err)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	if !strings.Contains(string(body), "off_session=true") {
		return
	}
	require.NoError(y.t, r.ParseForm())
	form := r.PostForm
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	id := billing.ChargeID(form.Get("metadata[" + billing.MetaCharge + "]"))
	if id == "" {
		c, err := y.Store.ChargeByPaymentIntent(y.t.Context(), strings.Split(r.URL.Path, "/")[3])
		require.NoError(y.t, err, "%s is confirmed and is no charge's", r.URL.Path)
		id = c.ID
	}
	c, err := y.Store.Charge(y.t.Context(), id)
	require.NoError(y.t, err)
	plan, err := y.Store.Plan(y.t.Context(), c.PlanID)
	require.NoError(y.t, err)
	require.True(y.t, plan.Status.Collects(), "charge %d of plan %s is charged, which is %s", c.Sequence, plan.Reference, plan.Status)
	require.Equal(y.t, billing.ChargeCollecting, c.Status, "an attempt is written before Stripe is called")
	require.False(y.t, c.NextAttemptAt.IsZero() || c.NextAttemptAt.After(y.Now()), "charge %d of plan %s is charged before its time", c.Sequence, plan.Reference)
}

// zones are places with every kind of clock.
var zones = []string{
	"UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham", "America/St_Johns", "Pacific/Kiritimati",
	"Africa/Cairo", "America/Santiago", "Asia/Kathmandu", "Pacific/Pago_Pago",
}

// pick returns a random element of a list.
func pick[T any](chance *rand.Rand, list ...T) T { return list[chance.IntN(len(list))] }

// ahead returns a date within some months, often the last day of a month.
func (y *year) ahead() string {
	at := y.Now().AddDate(0, 0, 3+y.chance.IntN(90))
	if y.chance.IntN(2) == 0 {
		at = time.Date(at.Year(), at.Month()+2, 0, 0, 0, 0, 0, time.UTC)
	}
	return at.Format(time.DateOnly)
}

// newTerms draws the terms of a plan, of any kind.
func (y *year) newTerms(n int) terms.Terms {
	c := y.chance
	t := terms.Terms{
		Reference: fmt.Sprintf("order-%d", n), Currency: pick(c, money.Currency("usd"), "eur", "jpy", "gbp", "huf", "kwd"),
		Customer: terms.Customer{Reference: fmt.Sprintf("customer-%d", n), Email: fmt.Sprintf("c%d@example.com", n), TimeZone: pick(c, zones...)},
	}
	amount := 200_000 * (1 + c.Int64N(50))
	every := pick(c, "1 week", "2 weeks", "10 days", "1 month", "1 month", "2 months", "3 months")
	switch t.Kind = pick(c, billing.KindInstallments, billing.KindDeposit, billing.KindRecurring, billing.KindDeferred); t.Kind {
	case billing.KindInstallments:
		t.Total, t.Parts, t.Every = amount, 2+c.IntN(10), every
		t.Remainder = pick(c, money.RemainderFirst, money.RemainderLast, money.RemainderSpread)
		t.Starts = pick(c, "", "", y.ahead())
	case billing.KindDeposit:
		t.Total, t.DepositPercent = amount, pick(c, "10", "20", "50")
		t.BalanceDue = pick(c, y.ahead(), y.ahead(), "on request", "5 days after "+y.ahead())
	case billing.KindRecurring:
		t.Amount, t.Every = amount, every
		t.Parts = pick(c, 0, 0, 3, 8)
		t.Starts = pick(c, "", "", y.ahead())
		t.BusinessDay = pick(c, "", "", calendar.BusinessDayModifiedFollowing)
		if t.Starts == "" {
			t.Trial = pick(c, "", "", "14 days")
		}
	case billing.KindDeferred:
		t.Total, t.Due = amount, pick(c, y.ahead(), y.ahead(), "on request")
	}
	if t.Starts == "" && t.Kind != billing.KindDeferred && t.Trial == "" && c.IntN(5) == 0 {
		t.Card = "default"
	}
	return t
}

// begin creates a plan and has its customer do what the plan waits for.
func (y *year) begin(n int) {
	t := y.newTerms(n)
	if t.Card != "" {
		y.giveCard(t.Customer.Reference)
		ctx := y.AsMerchant()
		require.NoError(y.t, y.Store.Update(ctx, func(tx billing.Tx) error {
			c, err := tx.CustomerByReference(ctx, t.Customer.Reference)
			if err != nil {
				return err
			}
			c.TimeZone = t.Customer.TimeZone
			return tx.UpdateCustomer(ctx, c)
		}))
	}
	t.Account = y.Account
	p, err := y.Planner.Create(y.AsMerchant(), planning.Request{Terms: t})
	require.NoError(y.t, err, "%+v", t)
	y.plans = append(y.plans, &lived{id: p.Plan.ID, terms: t, began: y.Now()})
	card := pick(y.chance, good, good, otherCard, thenNoFunds, authAlways)
	switch {
	case p.FirstPayment.ID != "":
		require.NoError(y.t, y.PayFirst(p, card))
	case p.Setup.ID != "":
		y.setUp(p.Setup.ClientSecret, card)
	}
	y.Settle()
}

// claim enqueues a task for everything that is due.
func (y *year) claim() int {
	ctx, now := y.AsMerchant(), y.Now()
	until := now.Add(time.Minute)
	before := len(y.queue)
	events, err := y.Store.ClaimEvents(ctx, now, until, 100)
	require.NoError(y.t, err)
	for _, c := range events {
		y.queue = append(y.queue, task.ForEvent(c))
	}
	charges, err := y.Store.ClaimCharges(ctx, now, until, 100)
	require.NoError(y.t, err)
	for _, c := range charges {
		y.queue = append(y.queue, task.ForCharge(c))
	}
	dunnings, err := y.Store.ClaimDunnings(ctx, now, until, 100)
	require.NoError(y.t, err)
	for _, c := range dunnings {
		y.queue = append(y.queue, task.ForDunning(c))
	}
	notices, err := y.Store.ClaimNotices(ctx, now, until, 100)
	require.NoError(y.t, err)
	for _, c := range notices {
		y.queue = append(y.queue, task.ForNotice(c))
	}
	return len(y.queue) - before
}
