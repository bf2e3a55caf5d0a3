package webhook_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/message"
	"tranche/internal/notify/webhook"
)

var update = flag.Bool("update", false, "write the messages in docs/webhooks.md")

const (
	root       = "../../.."
	document   = root + "/docs/webhooks.md"
	beginMarks = "<!-- messages: go test ./internal/notify/webhook -run TestTheDocumentShowsEveryMessage -update -->\n"
	endMarks   = "<!-- end of messages -->\n"
)

// TestTheDocumentShowsEveryMessage makes the examples with the production code.
func TestTheDocumentShowsEveryMessage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), beginMarks)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, endMarks)
	require.True(t, ok)
	want := before + beginMarks + examples(t) + endMarks + after
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(want), 0o644)) // it is published
		return
	}
	require.Equal(t, want, string(text), "go test ./internal/notify/webhook -run TestTheDocumentShowsEveryMessage -update writes it")
}

func examples(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, m := range message.Types() {
		e, s := example(m.Type)
		message, err := message.New(e, s)
		require.NoError(t, err)
		// Ids are partly random; the document's are fixed.
		payload := bytes.Replace(message.Payload, []byte(message.ID), []byte("msg_06ej1v3y0g5x8kq2m7w9a4c6d0"), 1)
		var pretty bytes.Buffer
		require.NoError(t, json.Indent(&pretty, payload, "", "  "))
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n```json\n%s\n```\n", m.Type, m.Doc, compact(pretty.String()))
	}
	return b.String() + "\n"
}

var leaf = regexp.MustCompile(`\{\n\s+("[^{}]*?)\n\s+\}`)

// compact puts small inner objects on one line.
func compact(text string) string {
	const width = 100
	return leaf.ReplaceAllStringFunc(text, func(object string) string {
		lines := []string{"{"}
		for field := range strings.Lines(object[2 : len(object)-1]) {
			field = strings.TrimSpace(field)
			last := &lines[len(lines)-1]
			switch {
			case field == "":
			case len(*last)+len(field) > width:
				lines = append(lines, "      "+field)
			case *last == "{":
				*last += field
			default:
				*last += " " + field
			}
		}
		return strings.Join(lines, "\n") + "}"
	})
}

// Actors of the examples.
const (
	worker = billing.Actor("worker:ops1")
	key    = billing.Actor("key:1f0c9a44d2b7")
	event  = billing.Actor("event:evt_1PqR5sLkdIwHu7ix")
)

// example returns an audit entry of a type, and the rows it names, in a plausible state.
func example(messageType string) (billing.AuditEntry, message.Snapshot) {
	at := time.Date(2026, 5, 20, 8, 0, 3, 0, time.UTC)
	kind, what, _ := strings.Cut(messageType, ".")
	plan := billing.Plan{
		ID: "plan_06ea0d3n7s8k1q5r9v2x4z6b8d", Reference: "order-1042", Kind: billing.KindInstallments, Status: billing.PlanActive,
		Currency: "usd", Total: 100000, CreatedAt: at.AddDate(0, -1, 0), ActivatedAt: at.AddDate(0, -1, 0).Add(2 * time.Minute),
	}
	customer := billing.Customer{ID: "cust_06ea0d3n7r4m2p6t8w1y3a5c7e", Reference: "cust-77", StripeCustomer: "cus_QxT4f2"}
	e := billing.AuditEntry{At: at, Actor: worker, Action: messageType, PlanID: plan.ID, CustomerID: customer.ID}
	s := message.Snapshot{Customers: map[billing.CustomerID]billing.Customer{customer.ID: customer}}
	charge := billing.Charge{
		ID: "chg_06ea0d3n7t0n3s7v9x2z4b6d8f", Sequence: 2, Amount: 33333, Currency: "usd", DueAt: time.Date(2026, 5, 20, 8, 0, 0, 0, time.UTC),
		AttemptCount: 1, PaymentIntent: "pi_3PqR5s",
	}
	describe(&e, &plan, &charge, kind, what)
	if e.PlanID != "" {
		s.Plans = map[billing.PlanID]billing.Plan{plan.ID: plan}
	}
	if kind == "charge" || kind == "notice" || kind == "incident" {
		e.ChargeID, s.Charges = charge.ID, map[billing.ChargeID]billing.Charge{charge.ID: charge}
	}
	if kind == "card" && what != "not_saved" {
		status := map[string]billing.CardStatus{"saved": billing.CardActive, "revoked": billing.CardRevoked, "detached": billing.CardDetached,
			"removed": billing.CardDetached, "detach_failed": billing.CardDetached}[what]
		if status == "" {
			status = billing.CardActive
		}
		card := billing.Card{
			ID: "card_06ea0d3n7v6q4t8w0y3a5c7e9g", PaymentMethod: "pm_1PqR5s", Brand: "visa", Last4: "4242", ExpMonth: 11, ExpYear: 2028, Status: status,
		}
		if what == "held" {
			card.Brand, card.Last4, card.Hold = "mastercard", "4444", "the network replaced the visa card ending 4242 by a mastercard card ending 4444"
		}
		e.CardID, s.Cards = card.ID, map[billing.CardID]billing.Card{card.ID: card}
	}
	if kind == "incident" {
		i := billing.Incident{
			ID: "inc_06ej1v3y0h4r7t9v1x3z5b7d9f", Kind: billing.IncidentPaidTwice, Subject: "pi_3PqT8v", OpenedAt: at,
			Detail: "charge 2 is paid twice: refund pi_3PqT8v", Remedy: billing.IncidentRuleOf(billing.IncidentPaidTwice).Remedy,
		}
		if what == "closed" {
			e.Actor, i.ClosedAt, i.ClosedBy = key, at, key
		}
		e.IncidentID, s.Incidents = i.ID, map[billing.IncidentID]billing.Incident{i.ID: i}
	}
	if kind == "notice" {
		n := billing.Notice{ID: "ntc_06ej1v3y0e2u5w7y9b1d3f5h7k", Kind: billing.NoticePaymentSucceeded, Channel: billing.ChannelEmail, Status: billing.NoticeStatus(what)}
		if what == "retry_requested" {
			n.Status, e.Actor = billing.NoticePending, key
		}
		if what == "failed" {
			n.Reason = "550 no such user"
		}
		e.NoticeID, s.Notices = n.ID, map[billing.NoticeID]billing.Notice{n.ID: n}
	}
	return e, s
}

// describe sets the state that plan and charge have when a message of the type is written.
func describe(e *billing.AuditEntry, plan *billing.Plan, charge *billing.Charge, kind, what string) {
	declined := func(code, reason string) {
		plan.Status, charge.DeclineCode, charge.Reason = billing.PlanPastDue, code, reason
	}
	paid := func() { charge.Status, charge.PaidAt = billing.ChargeSucceeded, e.At }
	switch {
	case kind == "plan" && slices.Contains(billing.PlanStatuses(), billing.PlanStatus(what)):
		plan.Status = billing.PlanStatus(what)
	case what == "created" || what == "discarded":
		plan.Status, plan.ActivatedAt, e.Actor = billing.PlanAwaitingFirstPayment, time.Time{}, key
	case kind == "charge" && slices.Contains(billing.OpenChargeStatuses(), billing.ChargeStatus(what)):
		charge.Status = billing.ChargeStatus(what)
	}
	if kind == "charge" && charge.Status == "" {
		charge.Status = billing.ChargeScheduled
	}
	switch kind + "." + what {
	case "charge.paid_outside", "charge.paid_twice", "charge.refund_made", "charge.refund_failed":
		paid()
	case "charge.skipped", "charge.written_off":
		charge.Status = billing.ChargeCanceled
	}
	switch kind + "." + what {
	case "plan.discarded", "charge.payment_intent_replaced", "charge.amount_differs", "card.detached":
		e.Actor = event
	}
	switch kind + "." + what {
	case "charge.refunded":
		paid()
		charge.Status, charge.AmountRefunded, charge.Reason = billing.ChargeRefunded, charge.Amount, "refunded in full"
		plan.Status, plan.Reason, e.Actor = billing.PlanPaused, "charge 2 was refunded", event
	case "charge.disputed":
		paid()
		charge.Status, charge.DisputeStatus, charge.Reason = billing.ChargeDisputed, billing.DisputeNeedsResponse, "the cardholder disputes the payment: needs response"
		plan.Status, plan.Reason, e.Actor = billing.PlanPaused, "charge 2 was disputed", event
	case "charge.voided":
		charge.Status, charge.Reason, plan.Status = billing.ChargeCanceled, "the plan was canceled", billing.PlanCanceled
	case "charge.deferred":
		declined("insufficient_funds", "deferred: 20 of 20 declines that Visa allows in 30 days")
		charge.Status, charge.NextAttemptAt = billing.ChargeRetrying, charge.DueAt.AddDate(0, 0, 9)
	case "charge.reminder", "charge.final_notice", "charge.new_card":
		charge.Status = billing.ChargeRequiresPaymentMethod
		declined("expired_card", "the card has expired (expired_card)")
	case "charge.payment_intent_canceling":
		charge.Status = billing.ChargeRetrying
		declined("insufficient_funds", "the card has not enough money (insufficient_funds)")
		charge.NextAttemptAt = e.At
	case "charge.given_up", "charge.plan_defaulted":
		charge.Status = billing.ChargeFailed
		declined("insufficient_funds", "the policy's deadline passed without a payment")
		if what == "plan_defaulted" {
			plan.Status, plan.Reason = billing.PlanDefaulted, "charge 2 is unpaid and the policy's deadline passed without a payment"
		}
	case "plan.paused":
		plan.Reason, e.Actor = "paused by the merchant: asked by phone", key
	case "plan.resumed":
		plan.Status, plan.ActivatedAt, e.Actor = billing.PlanActive, plan.CreatedAt.Add(2*time.Minute), key
	case "charge.succeeded", "notice.sent", "notice.kept", "notice.failed", "notice.retry_requested":
		paid()
	case "charge.collecting":
		charge.NextAttemptAt = charge.DueAt
	case "charge.retrying":
		declined("insufficient_funds", "the card has not enough money (insufficient_funds)")
		charge.NextAttemptAt = charge.DueAt.AddDate(0, 0, 2)
	case "charge.declined", "charge.requires_payment_method":
		charge.Status = billing.ChargeRequiresPaymentMethod
		declined("expired_card", "the card has expired (expired_card)")
	case "charge.requires_action":
		declined("authentication_required", "the bank wants the customer to authenticate (authentication_required)")
	case "charge.failed":
		declined("insufficient_funds", "given up after 5 attempts (insufficient_funds)")
	case "charge.amount_differs":
		charge.Status = billing.ChargeFailed
		declined("", "pi_3PqR5s took 100.00 USD and not 333.33 USD; it was changed at Stripe")
	case "charge.canceled":
		charge.Status, charge.Reason, e.Actor = billing.ChargeCanceled, "its PaymentIntent was canceled at Stripe", key
	case "charge.payment_intent_replaced":
		charge.Status, charge.PaymentIntent, charge.NextAttemptAt = billing.ChargeRetrying, "", e.At
	case "charge.retry_requested":
		charge.Status, charge.NextAttemptAt, plan.Status, e.Actor = billing.ChargeRetrying, e.At, billing.PlanPastDue, key
	case "card.detached", "card.detach_failed", "card.held", "card.merged":
		e.PlanID = ""
	case "card.removed", "card.released", "card.made_default":
		e.PlanID, e.Actor = "", key
	}
	if kind == "charge" && what == "declined" {
		e.Actor = billing.NewActor("customer", string(e.CustomerID))
	}
}

// TestActions_AllListed reads the sources for actions of audit entries. An action that is sent and
// not listed would be missing from the documents, and endpoints could not subscribe to it.
func TestActions_AllListed(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	for _, m := range message.Types() {
		require.True(t, message.Covers(m.Type), m.Type)
		require.False(t, listed[m.Type], "%s is listed twice", m.Type)
		listed[m.Type] = true
	}
	found := actions(t)
	require.Greater(t, len(found), 15, "no sources were read")
	for action, where := range found {
		require.True(t, listed[action], "%s is written in %s; add it to message.Types, and to example in this test", action, where)
	}
	// These actions are composed from a status.
	for _, status := range billing.PlanStatuses() {
		if status != billing.PlanAwaitingFirstPayment {
			require.True(t, listed["plan."+string(status)], status)
		}
	}
	for _, status := range []billing.ChargeStatus{
		billing.ChargeRetrying, billing.ChargeRequiresAction, billing.ChargeRequiresPaymentMethod, billing.ChargeFailed,
	} {
		require.True(t, listed["charge."+string(status)], status)
	}
}

var actionShape = regexp.MustCompile(`^(plan|charge|card|notice)\.[a-z_]+$`)

// actions returns the texts in the sources that look like an action, with their places.
func actions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, dir := range []string{"jobs", "internal/planning", "internal/operator", "internal/store", "handlers", "scheduler"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "storetest") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil && actionShape.MatchString(text) {
						found[text] = path
					}
				}
				return true
			})
			return nil
		}))
	}
	return found
}

// TestReceiver_FromTheDocument builds the document's receiver and posts to it.
func TestReceiver_FromTheDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "<!-- example: receiver.go -->\n```go\n")
	require.True(t, ok)
	code, _, ok := strings.Cut(rest, "```\n")
	require.True(t, ok)
	dir := t.TempDir()
	source, program := filepath.Join(dir, "receiver.go"), filepath.Join(dir, "receiver")
	require.NoError(t, os.WriteFile(source, []byte(code), 0o600))
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, source).CombinedOutput()
	require.NoError(t, err, "%s", out)

	listener, err := net.Listen("tcp", "127.0.0.1:0") // the port stays free for the receiver
	require.NoError(t, err)
	addr := listener.Addr().String()
	require.NoError(t, listener.Close())
	secret := webhook.NewSecret()
	receiver := exec.CommandContext(t.Context(), program)
	receiver.Env = append(os.Environ(), "ADDR="+addr, "TRANCHE_ENDPOINT_SECRET="+secret.Reveal())
	require.NoError(t, receiver.Start())
	t.Cleanup(func() { _ = receiver.Process.Kill(); _ = receiver.Wait() })
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		return err == nil && conn.Close() == nil
	}, 20*time.Second, 10*time.Millisecond)

	url := "http://" + addr + "/hooks/tranche"
	status, err := sender(t, true).Send(t.Context(), endpoint(t, url, secret), paid)
	require.NoError(t, err)
	require.Equal(t, 204, status)
	status, err = sender(t, true).Send(t.Context(), endpoint(t, url, webhook.NewSecret()), paid)
	require.ErrorContains(t, err, "answered 400: not from Tranche")
	require.Equal(t, 400, status)
}
