//go:build !race

package jobs_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

var update = flag.Bool("update", false, "write docs/states.md and the chart in ARCHITECTURE.md")

const statesPage = "../docs/states.md"

// result is the outcome of one case in one setting.
type result struct {
	plan, charge string // the new statuses; empty if they stayed
	more         bool   // the statuses stayed, and something else changed
	why          string // why it was refused, or can't occur
	refused      bool
}

// picture is the recorded state of a plan, without the fields that the scheduler's claims change.
type picture struct {
	Plan     billing.Plan
	Charges  []billing.Charge
	Attempts map[billing.ChargeID][]billing.Attempt
	Customer billing.Customer
	Cards    []billing.Card
	Notices  []billing.Notice
	Refunds  []billing.Refund
	Versions []billing.PlanVersion
	Dunnings []billing.Dunning
}

func (s *scene) picture() picture {
	s.t.Helper()
	ctx, d := s.AsMerchant(), s.Details(s.id)
	p := picture{Plan: d.Plan, Charges: d.Charges, Attempts: d.Attempts, Customer: d.Customer}
	ids := make([]billing.ChargeID, len(d.Charges))
	for i := range p.Charges {
		ids[i] = p.Charges[i].ID
		follow, err := s.Store.Dunning(ctx, ids[i])
		if !errors.Is(err, billing.ErrNotFound) {
			require.NoError(s.t, err)
			p.Dunnings = append(p.Dunnings, follow)
		}
	}
	var err [4]error
	p.Cards, err[0] = s.Store.Cards(ctx, d.Customer.ID)
	p.Notices, err[1] = s.Store.Notices(ctx, billing.NoticeFilter{Plan: s.id})
	p.Refunds, err[2] = s.Store.Refunds(ctx, ids...)
	p.Versions, err[3] = s.Store.PlanVersions(ctx, s.id, 0)
	require.NoError(s.t, errors.Join(err[:]...))
	for i := range p.Cards {
		p.Cards[i].UpdatedAt = time.Time{} // when Stripe was last asked about it
	}
	return p
}

// stage puts plans into one setting, a new plan as soon as the last one changed.
type stage struct {
	t    *testing.T
	in   setting
	seen witness
	now  *scene
}

// scene returns a plan in the setting that has not been changed yet.
func (g *stage) scene() *scene {
	if g.now != nil {
		return g.now
	}
	w := g.seen
	w.Scratch = scratch(g.t)
	s := &scene{bench: newBench(g.t, w)}
	s.id = g.in.put(s.bench)
	s.charge = g.in.subject(s.bench, s.id)
	require.Equal(g.t, g.in.plan, s.Details(s.id).Plan.Status, "the setting of %s", g.in.charge)
	require.Equal(g.t, g.in.charge, s.charge.Status, "the setting of %s", g.in.charge)
	if s.charge.PaymentIntent == "" {
		s.charge.PaymentIntent = s.madeAtStripe(s.charge.ID)
	}
	s.other = s.saveAnother()
	g.now = s
	return s
}

// saveAnother saves another card of the customer's, as if it had existed from the beginning.
func (s *scene) saveAnother() billing.CardID {
	ctx, d := s.AsMerchant(), s.Details(s.id)
	cards, err := s.Store.Cards(ctx, d.Customer.ID)
	require.NoError(s.t, err)
	card := billing.Card{
		ID: billing.NewCardID(start), CustomerID: d.Customer.ID, PaymentMethod: "pm_another", StripeCustomer: d.Customer.StripeCustomerIn(s.Account, cards), Account: s.Account,
		Brand: "visa", Last4: "1881", Status: billing.CardActive, CreatedAt: start, UpdatedAt: start,
	}
	require.NoError(s.t, s.Store.Update(ctx, func(tx billing.Tx) error { return tx.InsertCard(ctx, card) }))
	return card.ID
}

// enact runs a case in the setting, and returns the outcome.
func (g *stage) enact(h scenario) result {
	s := g.scene()
	before := s.picture()
	cannot, err := h.do(s)
	after := s.picture()
	news := after.newsSince(before)

	var refused *operator.RefusedError
	var invalid *billing.InvalidError
	switch {
	case errors.As(err, &refused):
		require.Empty(g.t, news, "%s: it was refused and changed something", h.name)
		return result{refused: true, why: strings.ReplaceAll(refused.Why, "plan order-1", "the plan")}
	case errors.As(err, &invalid):
		require.Empty(g.t, news, "%s: it was refused and changed something", h.name)
		return result{refused: true, why: invalid.Error()}
	case cannot != "":
		require.Empty(g.t, news, h.name)
		return result{why: cannot}
	}
	require.NoError(g.t, err, h.name)
	if h.idle && g.in.charge != billing.ChargeCollecting {
		require.Empty(g.t, news, "%s: there was no news, and something changed", h.name)
	}
	require.Equal(g.t, billing.SumOf(after.Charges), after.Plan.Total, h.name)
	if !h.idle || len(news) > 0 {
		g.now = nil
	}
	r := result{plan: changed(before.Plan.Status, after.Plan.Status), charge: changed(s.charge.Status, s.fresh().Status)}
	r.more = r.plan == "" && r.charge == "" && len(news) > 0
	return r
}

// newsSince lists the lines that differ between two pictures.
func (p picture) newsSince(before picture) []string {
	was, is := before.lines(), p.lines()
	var news []string
	for i := range max(len(was), len(is)) {
		if a, b := at(was, i), at(is, i); a != b {
			news = append(news, strings.TrimSpace(a)+" is now "+strings.TrimSpace(b))
		}
	}
	return news
}

func (p picture) lines() []string {
	text, _ := json.MarshalIndent(p, "", " ") // rows always encode
	return strings.Split(string(text), "\n")
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

func changed[S ~string](from, to S) string {
	if from == to {
		return ""
	}
	return string(to)
}

// madeAtStripe returns the PaymentIntent that the simulator has for a charge, which may be unknown
// here; empty if there is none.
func (b *bench) madeAtStripe(id billing.ChargeID) string {
	for _, pi := range b.Intents() {
		if pi.Metadata[billing.MetaCharge] == string(id) {
			return pi.ID
		}
	}
	return ""
}

// TestEverythingThatHappensInEveryState puts a real plan into each state, with the simulator and
// the production code, and runs every case on it, including those that make no sense there. The
// outcomes are the page docs/states.md, so that a change is noticed. The rules that must always
// hold are checked in enact. Every written change of a status must be one of the transitions in
// internal/billing; the page lists the transitions that were not seen. The test runs on SQLite in
// memory: the rules are the same code on both engines, and jobs' other tests run them on
// PostgreSQL.
func TestEverythingThatHappensInEveryState(t *testing.T) {
	t.Parallel()
	seen := witness{mu: &sync.Mutex{}, seen: map[step]bool{}}
	charges, plans := chargeSettings(), planSettings()
	list := scenarios()
	results := make([][]result, len(charges)+len(plans))
	t.Run("all", func(t *testing.T) {
		for j, in := range slices.Concat(charges, plans) {
			t.Run(string(in.plan)+"/"+string(in.charge), func(t *testing.T) {
				t.Parallel()
				stage := &stage{t: t, in: in, seen: seen}
				for _, h := range list {
					results[j] = append(results[j], stage.enact(h))
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	page := statesDocument(list, charges, plans, results) + listOfUnseen(requireOnlyTransitions(t, seen.seen))
	if *update {
		require.NoError(t, os.WriteFile(statesPage, []byte(page), 0o600))
	}
	want, err := os.ReadFile(statesPage)
	require.NoError(t, err)
	require.Equal(t, string(want), page, "go test ./jobs -run EverythingThatHappens -update writes it")
}

// requireOnlyTransitions compares the seen changes with the transitions of internal/billing, and
// lists the transitions that were not seen.
func requireOnlyTransitions(t *testing.T, seen map[step]bool) (unseen []step) {
	t.Helper()
	allowed := map[step]bool{}
	for _, from := range allChargeStatuses() {
		for _, to := range allChargeStatuses() {
			allowed[step{"charge", string(from), string(to)}] = from.CanBecome(to)
		}
	}
	for _, from := range billing.PlanStatuses() {
		for _, to := range billing.PlanStatuses() {
			allowed[step{"plan", string(from), string(to)}] = from.CanBecome(to)
		}
	}
	for s := range seen {
		require.True(t, allowed[s], "%v", s)
	}
	for s, ok := range allowed {
		if ok && !seen[s] {
			unseen = append(unseen, s)
		}
	}
	slices.SortFunc(unseen, func(a, b step) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return unseen
}

// allChargeStatuses lists every status of a charge.
func allChargeStatuses() []billing.ChargeStatus {
	return append(billing.OpenChargeStatuses(), billing.ChargeSucceeded, billing.ChargeCanceled, billing.ChargeRefunded, billing.ChargeDisputed)
}

// statesDocument writes docs/states.md.
func statesDocument(list []scenario, charges, plans []setting, results [][]result) string {
	var b strings.Builder
	b.WriteString(`# States and the effect of each event

A test writes this page from the program's results: it puts a real plan into each state and applies each of these events and operations.
The test also checks rules that do not depend on this page. An operation that is refused, or an event without news, changes no row but the
inbox and the audit trail. Amounts add up. Statuses change only along the transitions of internal/billing/transitions.go, which ARCHITECTURE.md shows.

A stop (pause, cancel, refund, dispute, card detached) only changes rows, under the plan's lock: the worker finds the change in its last check before it
calls Stripe. A canceled charge keeps its next_attempt_at until its PaymentIntent is seen canceled at Stripe, for every cause of the cancellation.
For a refund or dispute, the current state of the payment is read from Stripe. It is written only if the charge's version has not changed since
the read, so that an older state never overwrites a newer one.

A change of a plan is one transaction under the plan's lock too: charges, total, audit entry and the plan's next version. A charge with an attempt in
flight is never changed, and an amount is changed only while Stripe holds no payment of it. A dropped charge does not count in the total; if it is
paid at the same time, it counts again.

A word is the status that follows. A dot means that the status stays; "noted", that it stays and something else is written, such as a
reason, a time, an attempt or a card. A dash means that the event can't occur in that state, and a number that the operation is refused; the
numbers are explained below.

## Charges

The columns are the status of the second charge of three; the first is paid.

`)
	reasons := &footnotes{}
	writeTables(&b, list, len(charges), func(j int) string { return string(charges[j].charge) }, func(i, j int) string { return results[j][i].mark(reasons, false) })
	b.WriteString("## Plans\n\nThe columns are the plan's status. The charge is the second one, or the first while the first payment is awaited.\n\n")
	writeTables(&b, list, len(plans), func(j int) string { return string(plans[j].plan) }, func(i, j int) string { return results[len(charges)+j][i].mark(reasons, true) })
	b.WriteString("## Reasons\n\n")
	for i, why := range reasons.list {
		fmt.Fprintf(&b, "%d. %s\n", i+1, why)
	}
	return b.String()
}

// listOfUnseen names the transitions that are allowed and were not seen.
func listOfUnseen(unseen []step) string {
	var b strings.Builder
	b.WriteString("\n## Allowed, but not seen here\n\nThese transitions need more than one event.\n\n")
	for _, s := range unseen {
		fmt.Fprintf(&b, "- %s: %s to %s\n", s.of, s.from, s.to)
	}
	return b.String()
}

func writeTables(b *strings.Builder, list []scenario, columns int, head func(j int) string, cell func(i, j int) string) {
	for i, h := range list {
		if i == 0 || list[i-1].group != h.group {
			fmt.Fprintf(b, "### %s\n\n| |", h.group)
			for j := range columns {
				fmt.Fprintf(b, " %s |", head(j))
			}
			b.WriteString("\n|---|" + strings.Repeat("---|", columns) + "\n")
		}
		fmt.Fprintf(b, "| %s |", h.name)
		for j := range columns {
			fmt.Fprintf(b, " %s |", cell(i, j))
		}
		b.WriteString("\n")
		if i == len(list)-1 || list[i+1].group != h.group {
			b.WriteString("\n")
		}
	}
}

// footnotes are the reasons, each with a number.
type footnotes struct{ list []string }

func (f *footnotes) number(why string) int {
	n := slices.Index(f.list, why)
	if n < 0 {
		f.list = append(f.list, why)
		n = len(f.list) - 1
	}
	return n + 1
}

// mark formats a cell of the table of charges, or of plans.
func (r result) mark(notes *footnotes, ofPlan bool) string {
	status := r.charge
	if ofPlan {
		status = r.plan
	}
	switch {
	case r.refused:
		return fmt.Sprint(notes.number(r.why))
	case r.why != "":
		return fmt.Sprintf("– %d", notes.number(r.why))
	case status != "":
		return status
	case r.more || r.plan != "" || r.charge != "":
		return "noted"
	}
	return "."
}
