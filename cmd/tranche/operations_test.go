package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/operator/operatortest"
	"tranche/internal/store"
	"tranche/internal/store/open"
)

// surfaceOf is the body of an operation's request over HTTP, and its command. PLAN, CHARGE and CARD
// are placeholders for ids, DATE for a date.
type surfaceOf struct {
	body    string
	command string
	plan    billing.PlanStatus   // before the operation; default: active
	charge  billing.ChargeStatus // of the second of three charges, before the operation; default: scheduled
	undated bool                 // the last charge is due on request, and is the one to change
}

// surfaces lists every operation. A missing operation may lack a route or a command.
var surfaces = map[operator.Operation]surfaceOf{
	operator.OpPause:       {body: `{"reason": "asked"}`, command: "plan pause PLAN --reason asked"},
	operator.OpResume:      {body: `{"dates": "shift"}`, command: "plan resume PLAN --shift", plan: billing.PlanPaused},
	operator.OpCancel:      {command: "plan cancel PLAN --yes"},
	operator.OpRefund:      {body: `{"refund": true}`, command: "plan cancel PLAN --refund --yes"},
	operator.OpRemaining:   {body: `{"total": 1801}`, command: "plan remaining PLAN --total 1801"},
	operator.OpFee:         {body: `{"amount": 500, "due": "DATE"}`, command: "plan fee PLAN --amount 500 --due DATE --yes"},
	operator.OpExtend:      {body: `{"parts": 2, "every": "1 month"}`, command: "plan extend PLAN --parts 2 --every month --yes"},
	operator.OpPayAll:      {body: `{"discount": 100}`, command: "plan pay-all PLAN --discount 100 --yes"},
	operator.OpRestart:     {command: "plan restart PLAN --yes", plan: billing.PlanDefaulted, charge: billing.ChargeFailed},
	operator.OpCard:        {body: `{"card": "CARD"}`, command: "plan card PLAN --card CARD"},
	operator.OpCatchUp:     {body: `{"catch_up": "all"}`, command: "plan catch-up PLAN --catch-up all"},
	operator.OpRetry:       {command: "charge retry CHARGE --yes", plan: billing.PlanPastDue, charge: billing.ChargeFailed},
	operator.OpSkip:        {body: `{"reason": "ill"}`, command: "charge skip CHARGE --reason ill --yes"},
	operator.OpSkipToEnd:   {body: `{"to_end": true, "every": "1 month"}`, command: "charge skip CHARGE --to-end --every month --yes"},
	operator.OpMove:        {body: `{"due": "DATE"}`, command: "charge move CHARGE --due DATE"},
	operator.OpAmount:      {body: `{"amount": 700}`, command: "charge amount CHARGE --amount 700"},
	operator.OpSplit:       {body: `{"first": 300, "due": "DATE"}`, command: "charge split CHARGE --first 300 --due DATE"},
	operator.OpPay:         {command: "charge pay CHARGE --yes"},
	operator.OpCollect:     {body: `{"due": "DATE"}`, command: "charge collect CHARGE --due DATE --yes", undated: true},
	operator.OpPaidOutside: {body: `{"note": "cash"}`, command: "charge paid-outside CHARGE --note cash --yes"},
	operator.OpWriteOff:    {body: `{"reason": "small"}`, command: "charge write-off CHARGE --reason small --yes"},
}

// TestEveryOperationIsTheSameByAPIAndByCommand performs each operation on two equal plans, on both
// databases, and compares the rows: plan, charges, audit entries and versions.
func TestEveryOperationIsTheSameByAPIAndByCommand(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		c := newCounter(t, url)
		for _, op := range operatortest.Operations() {
			surface, ok := surfaces[op]
			require.True(t, ok, "%s has no surface here", op)
			byAPI, byCommand := c.customer(t, op, surface), c.customer(t, op, surface)
			c.ask(t, op, surface, byAPI)
			c.run(t, op, surface, byCommand)
			require.Equal(t, c.written(t, byAPI), c.written(t, byCommand), "%s", op)
			c.requireParty(t, byAPI, op, billing.Party{Actor: billing.NewActor(billing.ActorKey, handlers.KeyFingerprint(counterKey)), Name: "Zoë, support"})
			c.requireParty(t, byCommand, op, billing.Party{Actor: billing.NewActor(billing.ActorCommand, (&cli{env: noEnv}).userAtHost())})
		}
	})
}

// counter is a database with the API and the command line.
type counter struct {
	url   string
	store *store.Store
	api   string
	now   time.Time
	n     int
}

// served is a plan that an operation changes.
type served struct {
	plan   billing.Plan
	charge billing.Charge
	spare  billing.Card
}

const counterKey = "a-key-of-a-counter-that-counts-0001"

func newCounter(t *testing.T, url string) *counter {
	t.Helper()
	s, err := open.Store(t.Context(), url, open.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	_, _, err = s.Migrate(t.Context())
	require.NoError(t, err)
	h := handlers.New(handlers.Config{Store: s, APIKeys: []string{counterKey}})
	server := httptest.NewServer(h)
	t.Cleanup(func() { server.Close(); h.Close() })
	return &counter{url: url, store: s, api: server.URL, now: time.Now().UTC().Truncate(time.Millisecond)}
}

// customer creates a plan of three charges, the first of them paid, in the state that the operation
// needs.
func (c *counter) customer(t *testing.T, op operator.Operation, want surfaceOf) served {
	t.Helper()
	ctx, at := t.Context(), c.now.AddDate(0, 0, -10)
	c.n++
	reference := fmt.Sprintf("%s-%d", op, c.n)
	customer := billing.Customer{ID: billing.NewCustomerID(at), Reference: reference, CreatedAt: at, UpdatedAt: at, Version: 1}
	cards := make([]billing.Card, 2)
	for i := range cards {
		cards[i] = billing.Card{
			ID: billing.NewCardID(at), CustomerID: customer.ID, PaymentMethod: fmt.Sprintf("pm_%d_%d", c.n, i), Brand: "visa", Last4: "4242", Status: billing.CardActive,
			CreatedAt: at, UpdatedAt: at,
		}
	}
	plan := billing.Plan{
		ID: billing.NewPlanID(at), Reference: reference, CustomerID: customer.ID, CardID: cards[0].ID, Kind: billing.KindInstallments, Status: billing.PlanActive,
		Currency: "usd", Total: 3000, Terms: []byte("{}"), CreatedAt: at, UpdatedAt: at, ActivatedAt: at, Version: 1,
	}
	if want.plan != "" {
		plan.Status = want.plan
	}
	if plan.Status == billing.PlanPaused {
		plan.PausedAt = c.now.AddDate(0, 0, -2)
	}
	charges := make([]billing.Charge, 3)
	for i := range charges {
		charges[i] = billing.Charge{
			ID: billing.NewChargeID(at), PlanID: plan.ID, CustomerID: customer.ID, Sequence: i + 1, Amount: 1000, Currency: "usd", DueAt: c.now.AddDate(0, i, -9),
			Status: billing.ChargeScheduled, CreatedAt: at, UpdatedAt: at, Version: 1,
		}
	}
	charges[0].Status, charges[0].PaymentIntent, charges[0].PaidAt = billing.ChargeSucceeded, fmt.Sprintf("pi_%d", c.n), at
	meant := 1
	if want.charge != "" {
		charges[1].Status, charges[1].DueAt, charges[1].PaymentIntent, charges[1].AttemptCount = want.charge, c.now.AddDate(0, 0, -3), fmt.Sprintf("pi_%d_2", c.n), 1
	}
	if want.undated {
		charges[2].DueAt, meant = time.Time{}, 2
	}
	require.NoError(t, c.store.Update(ctx, func(tx billing.Tx) error {
		require.NoError(t, tx.InsertCustomer(ctx, customer))
		for _, card := range cards {
			require.NoError(t, tx.InsertCard(ctx, card))
		}
		return tx.InsertPlan(ctx, plan, charges)
	}))
	return served{plan, charges[meant], cards[1]}
}

// fill replaces the placeholders in a path, a body or a command by the ids of a plan.
func (c *counter) fill(text string, s served) string {
	return strings.NewReplacer("PLAN", string(s.plan.ID), "CHARGE", string(s.charge.ID), "CARD", string(s.spare.ID),
		"DATE", c.now.AddDate(0, 1, 0).Format(time.DateOnly)).Replace(text)
}

// ask performs the operation over HTTP.
func (c *counter) ask(t *testing.T, op operator.Operation, want surfaceOf, s served) {
	t.Helper()
	method, path, _ := strings.Cut(routeOf(op, s), " ")
	req, err := http.NewRequestWithContext(t.Context(), method, c.api+path, strings.NewReader(c.fill(want.body, s)))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+counterKey)
	req.Header.Set("X-Tranche-Actor", "Zoë, support")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", op)
}

// routeOf returns the method and the path of an operation on a plan or its charge.
func routeOf(op operator.Operation, s served) string {
	for _, spec := range operator.Operations() {
		switch {
		case spec.Operation == op && spec.Noun == operator.NounPlan:
			return strings.Replace(spec.Route, "{id}", string(s.plan.ID), 1)
		case spec.Operation == op && spec.Noun == operator.NounCharge:
			return strings.Replace(spec.Route, "{id}", string(s.charge.ID), 1)
		}
	}
	return ""
}

// run performs the operation by command.
func (c *counter) run(t *testing.T, op operator.Operation, want surfaceOf, s served) {
	t.Helper()
	var out, talk heard
	code := run(t.Context(), strings.Fields(c.fill(want.command, s)), func(name string) string {
		return map[string]string{"DATABASE_URL": c.url, "TRANCHE_CHARGE_TIME": "00:00"}[name]
	}, strings.NewReader(""), &out, &talk)
	require.Equal(t, exitOK, code, "%s: %s", op, talk.bytes())
}

// requireParty requires every entry about the plan, and its last version, to name the actor.
func (c *counter) requireParty(t *testing.T, s served, op operator.Operation, want billing.Party) {
	t.Helper()
	trail, err := billing.WholeTrail(t.Context(), c.store, s.plan.ID)
	require.NoError(t, err)
	for _, e := range trail {
		require.Equal(t, want, e.Party(), "%s: %s", op, e.Action)
	}
	versions, err := billing.PlanVersions(t.Context(), c.store, s.plan.ID)
	require.NoError(t, err)
	if len(versions) > 1 {
		require.Equal(t, want.Actor, versions[len(versions)-1].Actor, "%s", op)
	}
}

func noEnv(string) string { return "" }

// written returns the rows of a plan, without the values that differ between equal plans: ids and
// times.
func (c *counter) written(t *testing.T, s served) []string {
	t.Helper()
	ctx := t.Context()
	d, err := billing.LoadDetails(ctx, c.store, s.plan.ID)
	require.NoError(t, err)
	day := func(at time.Time) string { return at.Format("2006-01-02T15:04") }
	soon := func(at time.Time) string { // a charge that is due now is due slightly later by the slower way
		if at.Sub(c.now).Abs() < 5*time.Minute {
			return "now"
		}
		return day(at)
	}
	lines := []string{fmt.Sprint(d.Plan.Status, d.Plan.Reason, d.Plan.Total, d.Plan.CardID == s.spare.ID, d.Plan.PausedAt.IsZero())}
	for _, ch := range d.Charges {
		lines = append(lines, fmt.Sprint(ch.Sequence, ch.Amount, soon(ch.DueAt), ch.Status, soon(ch.NextAttemptAt), ch.Reason, ch.Dropped, ch.PaidOutside))
	}
	trail, err := billing.WholeTrail(ctx, c.store, s.plan.ID)
	require.NoError(t, err)
	require.NotEmpty(t, trail, "there is an audit entry")
	for _, e := range trail {
		lines = append(lines, e.Action)
	}
	versions, err := billing.PlanVersions(ctx, c.store, s.plan.ID)
	require.NoError(t, err)
	return append(lines, fmt.Sprint(len(versions), " versions"))
}
