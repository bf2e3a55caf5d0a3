package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// demoTime is how long the demo may take, on a machine that runs other tests too.
const demoTime = demoPatience

// TestDemo runs the demo with the binary only: no service, no setting.
func TestDemo(t *testing.T) {
	t.Parallel()
	t.Run("as JSON", demoAsJSON)
	t.Run("for people", demoForPeople)
}

// runBare runs the binary in an environment without settings, and returns its outputs.
func runBare(t *testing.T, vars []string, args ...string) (out, talk string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary(t), args...)
	cmd.Dir, cmd.Env = t.TempDir(), bareEnv(t, vars...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	require.NoError(t, cmd.Run(), "%s\n%s", &stdout, &stderr)
	require.Less(t, time.Since(began), demoTime)
	return stdout.String(), stderr.String()
}

// demoDocument is the JSON of the demo.
type demoDocument struct {
	Plans     []ledgerPlan     `json:"plans"`
	Customers []ledgerCustomer `json:"customers"`
	Notices   []ledgerNotice   `json:"notices"`
	Stripe    struct {
		PaymentIntents []stripeIntent `json:"payment_intents"`
	} `json:"stripe"`
}

func demoAsJSON(t *testing.T) {
	t.Parallel()
	kept := t.TempDir()
	out, talk := runBare(t, nil, "demo", "--json", "--keep", kept)
	require.Contains(t, talk, "LEDGER", "the story goes to standard error")
	var doc demoDocument
	require.NoError(t, json.Unmarshal([]byte(out), &doc), "standard output is one JSON document")

	requireFields(t, out)
	require.Zero(t, recount(t, doc.Plans, doc.Stripe.PaymentIntents))
	countNotices(t, doc.Plans, doc.Notices, "sent")
	requireCast(t, doc)
	requireKept(t, kept, doc)
}

// requireFields requires the documented fields in every object of the document.
func requireFields(t *testing.T, out string) {
	t.Helper()
	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &doc))
	list := func(from any, key string) []any {
		items, ok := from.(map[string]any)[key].([]any)
		require.True(t, ok, "%s is no list in %v", key, from)
		return items
	}
	has := func(in any, keys ...string) {
		for _, key := range keys {
			require.Contains(t, in, key)
		}
	}
	has(doc, "plans", "customers", "notices", "stripe")
	for _, plan := range list(doc, "plans") {
		has(plan, "kind", "status", "currency", "total", "charges")
		for _, charge := range list(plan, "charges") {
			has(charge, "id", "sequence", "amount", "currency", "due_at", "status", "payment_intent", "attempts")
			for _, attempt := range list(charge, "attempts") {
				has(attempt, "number", "idempotency_key", "outcome", "decline_code")
			}
		}
	}
	for _, customer := range list(doc, "customers") {
		list(customer, "cards")
	}
	for _, notice := range list(doc, "notices") {
		has(notice, "kind", "charge", "to", "sent_at")
	}
	for _, intent := range list(doc["stripe"], "payment_intents") {
		has(intent, "id", "object", "amount", "amount_received", "client_secret", "latest_charge", "last_payment_error", "metadata")
		require.Equal(t, "payment_intent", intent.(map[string]any)["object"])
	}
}

// requireCast requires one card for each row of the guide's table, with the guide's outcome, an
// instalment plan of four parts that does not divide evenly, and a deposit.
func requireCast(t *testing.T, doc demoDocument) {
	t.Helper()
	byCard := map[string][]ledgerPlan{}
	uneven, deposits := 0, 0
	for _, p := range doc.Plans {
		byCard[firstCard(t, doc, p)] = append(byCard[firstCard(t, doc, p)], p)
		if p.Kind == "installments" && len(p.Charges) == 4 && p.Total%4 != 0 {
			uneven++
		}
		if p.Kind == "deposit" {
			deposits++
			require.Len(t, p.Charges, 2)
		}
	}
	require.Positive(t, uneven)
	require.Positive(t, deposits)
	for card, outcome := range guide {
		require.NotEmpty(t, byCard[card], "the guide's card ending %s", card)
		for _, p := range byCard[card] {
			outcome(t, p)
		}
	}
}

// firstCard returns the last four digits of the first card that the customer used or tried.
func firstCard(t *testing.T, doc demoDocument, p ledgerPlan) string {
	t.Helper()
	for _, pi := range doc.Stripe.PaymentIntents {
		if pi.ID != p.Charges[0].PaymentIntent {
			continue
		}
		for _, customer := range doc.Customers {
			for _, card := range customer.Cards {
				if card.PaymentMethod == pi.PaymentMethod {
					require.Equal(t, p.Customer.Reference, customer.Reference)
					return card.Last4
				}
			}
		}
		require.NotNil(t, pi.LastError, "%s was paid with a card of no customer", pi.ID)
		return pi.LastError.PaymentMethod.Card.Last4
	}
	require.Fail(t, "no first payment", p.Reference)
	return ""
}

// guide is the table of test cards in Stripe's guide: the expected course of a plan, by the card's
// last four digits.
var guide = map[string]func(t *testing.T, p ledgerPlan){
	"4242": func(t *testing.T, p ledgerPlan) { // succeeds at once
		t.Helper()
		requirePaid(t, p)
		for _, c := range p.Charges {
			require.Equal(t, []string{"succeeded"}, outcomes(c))
		}
	},
	"3155": func(t *testing.T, p ledgerPlan) { // requires authentication for the first payment only
		t.Helper()
		requirePaid(t, p)
		for _, c := range p.Charges[1:] {
			require.Equal(t, []string{"succeeded"}, outcomes(c))
			require.Equal(t, "merchant", c.Attempts[0].Initiator)
		}
	},
	"3184": func(t *testing.T, p ledgerPlan) { // requires authentication each time
		t.Helper()
		requirePaid(t, p)
		for _, c := range p.Charges[1:] {
			require.Equal(t, []string{"authentication_required", "succeeded"}, outcomes(c))
			require.Equal(t, "customer", c.Attempts[1].Initiator, "only the customer can authenticate")
		}
	},
	"3178": func(t *testing.T, p ledgerPlan) { // has no funds later; the customer pays with another card after some declines
		t.Helper()
		requirePaid(t, p)
		tries := outcomes(p.Charges[1])
		require.GreaterOrEqual(t, len(tries), 3, "a decline is tried again before the customer comes back")
		for _, o := range tries[:len(tries)-1] {
			require.Equal(t, "insufficient_funds", o)
		}
		// Who made the last one is not asked: a retry under way when the customer pays learns of it
		// and counts as it.
		for _, c := range p.Charges[2:] {
			for _, a := range c.Attempts {
				if a.CreatedAt.After(p.Charges[1].PaidAt) { // one that fell due before the customer came back met the old card
					require.Equal(t, "succeeded", a.Outcome, "later charges go to the new card")
				}
			}
		}
	},
	"9995": func(t *testing.T, p ledgerPlan) { // never has funds
		t.Helper()
		require.Equal(t, "awaiting_first_payment", p.Status)
		require.Equal(t, []string{"insufficient_funds"}, outcomes(p.Charges[0]))
		for _, c := range p.Charges[1:] {
			require.Equal(t, "scheduled", c.Status)
			require.Empty(t, c.Attempts)
			require.Empty(t, c.PaymentIntent)
		}
	},
}

// requirePaid requires every charge of the plan to be paid.
func requirePaid(t *testing.T, p ledgerPlan) {
	t.Helper()
	require.Equal(t, "completed", p.Status, p.Reference)
	for _, c := range p.Charges {
		require.Equal(t, "succeeded", c.Status, "charge %d of %s", c.Sequence, p.Reference)
	}
}

// outcomes lists the decline codes, or else the outcomes, of a charge's attempts.
func outcomes(c ledgerCharge) []string {
	var list []string
	for _, a := range c.Attempts {
		if a.DeclineCode != nil {
			list = append(list, *a.DeclineCode)
			continue
		}
		list = append(list, a.Outcome)
	}
	return list
}

// requireKept reads the kept database with the other commands, which must show the same.
func requireKept(t *testing.T, dir string, doc demoDocument) {
	t.Helper()
	vars := []string{"DATABASE_URL=sqlite:" + filepath.Join(dir, "tranche.db")}
	list := func(into any, args ...string) {
		out, _ := runBare(t, vars, append(args, "--json")...)
		require.NoError(t, json.Unmarshal([]byte(out), into))
	}
	var plans struct{ Data []ledgerPlan }
	list(&plans, "plan", "list")
	require.ElementsMatch(t, doc.Plans, plans.Data)
	list(&plans, "plan", "list", "--status", "completed", "--limit", "2")
	require.Len(t, plans.Data, 2)
	newest := plans.Data[0].ID
	list(&plans, "plan", "list", "--cursor", newest)
	for _, p := range plans.Data {
		require.Less(t, p.ID, newest)
	}
	var notices struct{ Data []ledgerNotice }
	list(&notices, "notice", "list", "--limit", "500")
	require.ElementsMatch(t, doc.Notices, notices.Data)
	list(&notices, "notice", "list", "--status", "pending")
	require.Empty(t, notices.Data)
	var events struct {
		Data []struct{ Type, Status string }
	}
	list(&events, "event", "list", "--type", "payment_intent.succeeded", "--limit", "500")
	require.NotEmpty(t, events.Data)
	for _, e := range events.Data {
		require.Equal(t, "payment_intent.succeeded", e.Type)
		require.Equal(t, "handled", e.Status)
	}
	list(&events, "event", "list", "--status", "failed")
	require.Empty(t, events.Data)

	out, _ := runBare(t, vars, "plan", "show", "bike-31")
	require.Regexp(t, `(?m)^2 +chg_\w+ +199\.99 EUR .* succeeded +4 *`, out)
	require.Regexp(t, `declined with insufficient_funds; retry 1 of \d -> tried again `, out)
	out, _ = runBare(t, vars, "notice", "list", "--full", "--limit", "1")
	require.Regexp(t, `(?m)^Subject: .+$`, out)
	out, _ = runBare(t, vars, "notice", "list", "--charge", doc.Plans[0].Charges[0].ID)
	require.Regexp(t, `payment_succeeded +sent +ada@example\.com`, out)
	out, _ = runBare(t, vars, "notice", "show", doc.Notices[0].ID)
	require.Contains(t, out, "\n\n"+doc.Notices[0].Body)
	require.Regexp(t, `(?m)^Subject   .+$`, out)
}

// storyLine matches a line of the timeline: time, actor, action.
var storyLine = regexp.MustCompile(`(?m)^[ 0-3]\d [A-Z][a-z]{2} \d\d:\d\d {2}(\w+) +\S`)

func demoForPeople(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	out, talk := runBare(t, []string{"TMPDIR=" + temp}, "demo")
	require.Empty(t, talk)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left, "the demo cleans up")

	story, rest, found := strings.Cut(out, "\nLEDGER\n")
	require.True(t, found)
	actors := map[string]bool{}
	for _, m := range storyLine.FindAllStringSubmatch(story, -1) {
		actors[m[1]] = true
	}
	require.GreaterOrEqual(t, len(actors), 5, "who: %v", actors)
	for _, what := range []string{
		"pays in the checkout", "visa card …4242 is saved for the later charges", "is paid", "authentication_required", "insufficient_funds",
		"next: ", "tried again ", "action required mailed to alan@example.com", "is completed",
	} {
		require.Contains(t, story, what)
	}

	ledger, totals, found := strings.Cut(rest, "\nTOTALS\n")
	require.True(t, found)
	require.Regexp(t, `(?m)^PLAN +CARD +CUSTOMER +# +DUE +AMOUNT +ATTEMPTS +OUTCOME$`, ledger)
	for _, card := range []string{"…4242", "…3155", "…3184", "…3178", "…9995"} {
		require.Contains(t, ledger, card)
	}
	require.Regexp(t, `(?m)^CURRENCY +AGREED +COLLECTED HERE +AT STRIPE`, totals)
	for _, currency := range []string{"gbp", "eur", "usd", "jpy"} {
		require.Regexp(t, `(?m)^`+currency+` .* agree$`, totals)
	}
	for line := range strings.Lines(out) { // one by one: a failure names the line
		for _, wrong := range []string{"DIFFER", "PROBLEM", "_secret_", "sk_test_", "whsec_", " cust_", " card_"} {
			require.NotContains(t, line, wrong)
		}
	}
}
