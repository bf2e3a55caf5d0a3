package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tranche/internal/stripesim"
	"tranche/internal/testenv"
)

// minutesASecond is a speed of the clock at which Stripe remembers idempotency keys longer than a
// restart takes, so that requests are sent again under their keys. At daysASecond Stripe has
// forgotten the keys, and payments are looked up.
const minutesASecond = 10 * 60

const (
	killCustomers = 6
	killParts     = 5
	kills         = 5
	// recoverTime is the time limit for a correct ledger, kills included.
	recoverTime = 60 * time.Second
)

// TestKillNine kills serve with SIGKILL in the middle of its work, at times drawn by a seed
// (KILL_SEED), and starts it again. In the end every charge is paid once, as agreed, and every
// customer was notified once.
func TestKillNine(t *testing.T) {
	t.Parallel()
	seed, _ := strconv.ParseUint(os.Getenv("KILL_SEED"), 10, 64)
	for name, v := range map[string]struct {
		rate      float64
		settings  func(t *testing.T) []string
		processes [][]string // roles of each; none means all
	}{
		"SQLite and the embedded queue, keys forgotten":  {daysASecond, onSQLite, [][]string{nil}},
		"SQLite and the embedded queue, keys remembered": {minutesASecond, onSQLite, [][]string{nil}},
		"PostgreSQL and Redis, two workers, keys forgotten": {daysASecond, onServices,
			[][]string{{"ingress", "scheduler"}, {"worker"}, {"worker"}}},
		"PostgreSQL and Redis, two workers, keys remembered": {minutesASecond, onServices,
			[][]string{{"ingress", "scheduler"}, {"worker"}, {"worker"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := newMailSink(t)
			r := newRig(t, v.rate, append(v.settings(t), "TRANCHE_CHARGE_CONCURRENCY=2", "SMTP_URL=smtp://"+sink.addr+"?tls=none",
				"TRANCHE_MAIL_FROM=Shop <billing@shop.example>")...)
			k := &killing{rig: r, random: rand.New(rand.NewPCG(seed, uint64(v.rate)))}
			defer k.explain(t)
			r.wire.onPayment(slowly)
			for _, roles := range v.processes {
				p, err := r.serve(t.Context(), roles...)
				require.NoError(t, err)
				k.targets = append(k.targets, target{p, roles})
			}
			group, ctx := errgroup.WithContext(t.Context())
			group.Go(func() error { return k.sell(ctx, v.rate) })
			group.Go(func() error { return k.killAll(ctx) })
			require.NoError(t, group.Wait())
			require.NoError(t, eventually(t.Context(), recoverTime, func() error { return k.allPaid(t.Context()) }))
			require.LessOrEqual(t, requireLedgerAgrees(t, r, killCustomers, "sent"), kills)
			k.requireAsAgreed(t)
			k.requireMailedOnce(t, sink.taken())
			r.requireNoSecrets(t)
		})
	}
}

// slowly delays requests and answers of payments, so that a kill hits some of each.
func slowly(ctx context.Context, _ *http.Request, deliver func()) bool {
	wait := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	wait(30 * time.Millisecond)
	deliver()
	wait(50 * time.Millisecond)
	return true
}

// onSQLite are the settings of a single process without services.
func onSQLite(t *testing.T) []string { return []string{"DATABASE_URL=" + testenv.SQLite(t)} }

// onServices are the settings of processes that share PostgreSQL and Redis.
func onServices(t *testing.T) []string {
	return []string{"DATABASE_URL=" + testenv.Postgres(t), "REDIS_URL=" + testenv.Redis(t)}
}

// killing is one run of TestKillNine.
type killing struct {
	*rig
	random  *rand.Rand
	targets []target
	agreed  []ledgerPlan // as POST /v1/plans answered
	killed  []time.Time
}

// target is a process that may be killed.
type target struct {
	*process
	roles []string
}

// sell creates the plans and pays the first parts, while processes are killed: the merchant sends a
// request again until it is answered. All later charges fall due at the same times.
func (k *killing) sell(ctx context.Context, rate float64) error {
	// The first charges fall due twenty seconds after the start, which leaves time to create every
	// plan despite the kills; then a charge of each plan falls due every second.
	first, apart := 120*24*time.Hour, 7*24*time.Hour
	if rate < daysASecond {
		first, apart = 200*time.Minute, 10*time.Minute
	}
	began := k.clock.Now()
	for i := range killCustomers {
		reference := "order-" + strconv.Itoa(i)
		amounts := strings.Builder{}
		total := 0
		for n := range killParts {
			amount := 1000 + 10*i + n
			total += amount
			if n == 0 {
				fmt.Fprintf(&amounts, `{"amount": %d}`, amount)
				continue
			}
			due := began.Add(first + time.Duration(n-1)*apart).Format(time.RFC3339)
			fmt.Fprintf(&amounts, `, {"amount": %d, "due": %q}`, amount, due)
		}
		body := fmt.Sprintf(`{"reference": %q, "kind": "installments", "currency": "usd", "total": %d, "charges": [%s], "customer": %s}`,
			reference, total, amounts.String(), customerOf(reference))
		var made ledgerPlan
		if err := eventually(ctx, recoverTime, func() error {
			return k.tranche(ctx, http.MethodPost, "/v1/plans", body, reference, &made)
		}); err != nil {
			return err
		}
		k.agreed = append(k.agreed, made)
		details := stripesim.PaymentDetails{Card: &stripesim.Card{Number: "4242424242424242"}, SetupFutureUsage: "off_session"}
		if rate == daysASecond && i%3 == 0 { // declines once and is good again at the retry, two days later
			details.Metadata = map[string]string{"sim_decline_later": "insufficient_funds", "sim_decline_count": "1"}
		}
		if err := k.pay(ctx, made.First.ClientSecret, details); err != nil {
			return err
		}
	}
	return nil
}

// killAll kills a process after every few payments, at a random time in the work that follows, and
// starts it again.
func (k *killing) killAll(ctx context.Context) error {
	moments := k.random.Perm(killCustomers*killParts - 4)[:kills]
	slices.Sort(moments)
	for _, paid := range moments {
		if err := eventually(ctx, recoverTime, func() error { return k.paidAtStripe(ctx, paid) }); err != nil {
			return err
		}
		select {
		case <-time.After(time.Duration(k.random.Int64N(int64(150 * time.Millisecond)))):
		case <-ctx.Done():
			return ctx.Err()
		}
		victim := &k.targets[k.random.IntN(len(k.targets))]
		k.killed = append(k.killed, time.Now())
		victim.kill()
		var err error
		if victim.process, err = k.serve(ctx, victim.roles...); err != nil {
			return err
		}
	}
	return nil
}

// paidAtStripe requires a minimum number of succeeded PaymentIntents.
func (k *killing) paidAtStripe(ctx context.Context, want int) error {
	state, err := k.state(ctx)
	if err != nil {
		return err
	}
	got := 0
	for _, pi := range state.PaymentIntents {
		if pi.Status == "succeeded" {
			got++
		}
	}
	if got < want {
		return fmt.Errorf("%d payments succeeded at Stripe, not %d", got, want)
	}
	return nil
}

// allPaid requires every plan to be completed.
func (k *killing) allPaid(ctx context.Context) error {
	plans, err := k.plans(ctx)
	if err != nil {
		return err
	}
	for _, p := range plans {
		if p.Status != "completed" {
			return fmt.Errorf("not completed: %+v", p)
		}
	}
	if len(plans) != killCustomers {
		return errors.New("plans are missing")
	}
	return nil
}

// explain logs, after a failure, every charge that was tried more than once or has more than one
// PaymentIntent, with Stripe's record of it.
func (k *killing) explain(t *testing.T) {
	t.Helper()
	if !t.Failed() {
		return
	}
	ctx := context.WithoutCancel(t.Context())
	var plans struct {
		Data []struct {
			Reference string
			Charges   []struct {
				ID       string
				Status   string
				Attempts []json.RawMessage
			}
		}
	}
	state, err := k.state(ctx)
	if err = errors.Join(err, k.tranche(ctx, http.MethodGet, "/v1/plans?limit=100", "", "", &plans)); err != nil {
		t.Log(err)
		return
	}
	t.Logf("killed at %s", k.killed)
	for _, p := range plans.Data {
		for _, c := range p.Charges {
			var intents []string
			for _, pi := range state.PaymentIntents {
				if pi.Metadata["tranche_charge"] == c.ID {
					intents = append(intents, fmt.Sprintf("%s %s for attempt %s", pi.ID, pi.Status, pi.Metadata["tranche_attempt"]))
				}
			}
			if len(c.Attempts) > 1 || len(intents) > 1 {
				t.Logf("%s %s %s\n%s\n%s", p.Reference, c.ID, c.Status, bytes.Join(raw(c.Attempts), []byte("\n")), strings.Join(intents, "\n"))
			}
		}
	}
}

// raw is JSON as bytes.
func raw(list []json.RawMessage) [][]byte {
	texts := make([][]byte, len(list))
	for i, text := range list {
		texts[i] = text
	}
	return texts
}

// requireAsAgreed requires the amounts and dates of the plans to equal the API's answers, every
// charge to be paid, and no unnecessary attempt.
func (k *killing) requireAsAgreed(t *testing.T) {
	t.Helper()
	for _, agreed := range k.agreed {
		p, err := k.plan(t.Context(), agreed.ID)
		require.NoError(t, err)
		requirePaid(t, p)
		require.Equal(t, agreed.Total, p.Total)
		require.Len(t, p.Charges, killParts)
		// A first payment that came late moves the later dates, all by the same whole days.
		late := p.Charges[1].DueAt.Sub(agreed.Charges[1].DueAt)
		require.GreaterOrEqual(t, late, time.Duration(0))
		require.Zero(t, late%(24*time.Hour))
		for i, c := range p.Charges {
			require.Equal(t, agreed.Charges[i].ID, c.ID)
			require.Equal(t, agreed.Charges[i].Amount, c.Amount)
			if i > 0 {
				require.True(t, agreed.Charges[i].DueAt.Add(late).Equal(c.DueAt))
			}
		}
	}
}

// requireMailedOnce requires one mail for each notice, and none for a dropped notice. There is one
// exception: a process that is killed between the mail server's answer and its own record does not
// know of the mail. Then the mail may be sent again under the same Message-ID, or the notice may be
// dropped because it is no longer true, so the test looks for a kill after the mail. Another
// process may do the same if a busy machine delays the record for longer than the notice's lease.
func (k *killing) requireMailedOnce(t *testing.T, mails []sunkMail) {
	t.Helper()
	notices, err := k.notices(t.Context(), map[string][]string{})
	require.NoError(t, err)
	byID := map[string][]sunkMail{}
	for _, m := range mails {
		id := strings.Trim(m.messageID, "<>")
		byID[id] = append(byID[id], m)
	}
	for _, n := range notices {
		copies := byID[n.Message]
		delete(byID, n.Message)
		if n.Status != "dropped" {
			require.NotEmpty(t, copies, "notice %s was never mailed", n.ID)
		}
		for i, m := range copies {
			require.Equal(t, n.To, m.to)
			if i > 0 {
				overran := m.at.Sub(copies[i-1].at) >= rigLease
				require.True(t, overran || k.killedBetween(copies[i-1].at, m.at),
					"notice %s was mailed twice within its lease (%s, %s), and nothing was killed in between", n.ID, copies[i-1].at, m.at)
			}
			if n.Status == "dropped" {
				require.True(t, k.killedBetween(m.at, time.Now()), "notice %s was mailed and dropped, and nothing was killed in between", n.ID)
			}
		}
	}
	require.Empty(t, byID, "mails of no notice")
}

// killedBetween reports whether a process was killed between a mail, or shortly before it, and a
// later time.
func (k *killing) killedBetween(mail, later time.Time) bool {
	return slices.ContainsFunc(k.killed, func(at time.Time) bool { return at.After(mail.Add(-time.Second)) && at.Before(later) })
}
