package jobs_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store/storetest"
	"tranche/internal/terms"
	"tranche/internal/testbench"
)

var (
	start   = testbench.Start
	morning = testbench.Morning
)

// bench is the shared bench with the helpers of this package.
type bench struct {
	*testbench.Bench
	t *testing.T
}

// eachEngine runs a test on both databases.
func eachEngine(t *testing.T, test func(b *bench)) {
	t.Helper()
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) { test(newBench(t, s)) })
}

// onConnected runs a test whose plans are in a connected account, on both databases. No call may
// reach the platform's own account.
func onConnected(t *testing.T, test func(b *bench)) {
	t.Helper()
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		b := newBenchOn(t, s, "acct_1Villa")
		test(b)
		b.requirePlatformUntouched()
	})
}

// requirePlatformUntouched requires that no object was created, and no event sent, in the
// platform's own account.
func (b *bench) requirePlatformUntouched() {
	b.t.Helper()
	b.as("", func() {
		for _, of := range []string{"payment_intents", "setup_intents", "customers", "charges", "refunds", "events"} {
			require.Empty(b.t, b.request(http.MethodGet, "/v1/"+of, nil)["data"], of)
		}
	})
	for _, e := range b.heard() {
		require.Equal(b.t, b.Account, e.Account, e.Type)
	}
}

// as runs a function with the bench in another account.
func (b *bench) as(account string, do func()) {
	was := b.Account
	b.Account, b.Browser.Account = account, account
	defer func() { b.Account, b.Browser.Account = was, was }()
	do()
}

func newBench(t *testing.T, s billing.Store) *bench {
	return newBenchOn(t, s, os.Getenv("TEST_STRIPE_ACCOUNT")) // with it, every test has its plans in a connected account
}

func newBenchOn(t *testing.T, s billing.Store, account string) *bench {
	return &bench{testbench.New(t, testbench.Config{Store: s, Account: account}), t}
}

// statuses lists the statuses of a plan's charges.
func statuses(d billing.Details) []billing.ChargeStatus {
	all := make([]billing.ChargeStatus, len(d.Charges))
	for i, c := range d.Charges {
		all[i] = c.Status
	}
	return all
}

// daily returns terms with a part due every day.
func daily(name, zone string, parts int) func(t *terms.Terms) {
	return func(t *terms.Terms) {
		t.Reference, t.Parts, t.Every, t.Total = "order-"+name, parts, "1 day", int64(parts)*1000
		t.Customer.Reference, t.Customer.TimeZone = name, zone
	}
}

// quarterly sets three parts, so far apart that dunning of one ends before the next falls due.
func quarterly(t *terms.Terms) { t.Parts, t.Every = 3, "3 months" }
