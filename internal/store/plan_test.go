package store_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store"
	"tranche/internal/store/storetest"
)

// statements are all that the store runs on tables that grow.
func statements(t *testing.T, s *store.Store) []store.Statement {
	t.Helper()
	ctx := t.Context()
	seen, err := s.Recorded(ctx, func(tx billing.Tx) {
		lookups(t, tx)
		lists(t, tx)
		store.LedgerStatements(ctx, tx)
		store.BacklogStatements(ctx, tx)
		store.WebhookStatements(ctx, tx)
		store.BindingStatements(ctx, tx)
		store.ReminderStatements(ctx, tx)
		store.RecoveryStatements(ctx, tx)
		// What is changed does not exist, so the statements run and change nothing.
		_, _ = tx.LockPlan(ctx, "none")
		_ = tx.LockCustomer(ctx, "none")
		_ = tx.UpdateCustomer(ctx, billing.Customer{ID: "none"})
		_ = tx.UpdatePlan(ctx, billing.Plan{ID: "none"})
		_ = tx.UpdateCharge(ctx, billing.Charge{ID: "none"})
		_ = tx.UpdateCard(ctx, billing.Card{ID: "none"})
		_ = tx.UpdateRefund(ctx, billing.Refund{ID: "none"})
		_ = tx.UpdateAttempt(ctx, billing.Attempt{ID: "none"})
		_ = tx.UpdateNotice(ctx, billing.Notice{ID: "none"})
		_ = tx.UpdateEvent(ctx, billing.Event{ID: "none"})
		_, _ = tx.CloseIncident(ctx, "none", "", time.Unix(1, 0))
		_ = tx.WakeEvents(ctx, time.Unix(1, 0), "none")
		_ = tx.UpdateDunning(ctx, billing.Dunning{ChargeID: "none"})
		_, _ = tx.EraseCustomer(ctx, billing.Erasure{
			Customer: billing.Customer{ID: "none"}, Plans: []billing.Plan{{ID: "none"}}, Words: []string{"none"}, Objects: []string{"none"}, Payments: []string{"none"},
		})
		_ = tx.EraseEvent(ctx, "none", "none")
	})
	require.NoError(t, err)
	return append(append(seen, s.ClaimStatements(500)...), store.WebhookChanges()...)
}

func lookups(t *testing.T, tx billing.Tx) {
	t.Helper()
	ctx := t.Context()
	_, _ = tx.Plan(ctx, "none")
	_, _ = tx.PlanByReference(ctx, "none")
	_, _ = tx.Charge(ctx, "none")
	_, _ = tx.ChargeByPaymentIntent(ctx, "none")
	_, _ = tx.Customer(ctx, "none")
	_, _ = tx.CustomerByReference(ctx, "none")
	_, _ = tx.CustomerByStripe(ctx, "none")
	_, _ = tx.Card(ctx, "none")
	_, _ = tx.CardByPaymentMethod(ctx, "none")
	_, _ = tx.Notice(ctx, "none")
	_, _ = tx.EarlierNotice(ctx, billing.Notice{CustomerID: "none", CreatedAt: time.Unix(1, 0)})
	_, _ = tx.WaitingFailures(ctx, "none", "")
	_, _ = tx.DueBeside(ctx, billing.Charge{ID: "none", CustomerID: "none"}, "", time.Unix(1, 0))
	_, _ = tx.Event(ctx, "none")
	_, _ = tx.Request(ctx, "none")
	_, _ = tx.Dunning(ctx, "none")
	_, _ = tx.PinnedPolicy(ctx, "none")
	_, _ = tx.CardDeclines(ctx, billing.CardAmount{Fingerprint: "none", Amount: 1, Currency: "usd"}, time.Unix(1, 0))
}

func lists(t *testing.T, tx billing.Tx) {
	t.Helper()
	ctx := t.Context()
	for _, f := range []billing.PlanFilter{{}, {Status: "x"}, {Customer: "x"}, {Before: "x"}, {Status: "x", Customer: "x", Before: "x"}} {
		_, _ = tx.Plans(ctx, f)
	}
	for _, f := range []billing.NoticeFilter{{}, {Plan: "x"}, {Charge: "x"}, {Status: "x"}, {Before: "x"}, {Plan: "x", Status: "x", Before: "x"}} {
		_, _ = tx.Notices(ctx, f)
	}
	at := time.Unix(1, 0)
	for _, f := range []billing.EventFilter{{}, {Status: "x"}, {Type: "x"}, {Before: at}, {Status: "x", Type: "x", Before: at}} {
		_, _ = tx.Events(ctx, f)
	}
	for _, f := range []billing.AuditFilter{
		{}, {Plan: "x"}, {After: 1}, {Plan: "x", After: 1}, {NewestFirst: true}, {Before: 9, NewestFirst: true}, {Actor: "x", NewestFirst: true},
		{Subject: "x", Before: 9, NewestFirst: true}, {Plan: "x", Actor: "x", Subject: "x", Before: 9, NewestFirst: true},
	} {
		_, _ = tx.AuditTrail(ctx, f)
	}
	_, _ = tx.PlanCharges(ctx, "x", "y", "z")
	_, _ = tx.Attempts(ctx, "x", "y", "z")
	_, _ = tx.Customers(ctx, "x", "y", "z")
	_, _ = tx.Cards(ctx, "x")
	_, _ = tx.CardsToDetach(ctx, at)
	_, _ = tx.CustomersToUpdate(ctx, at)
	_, _ = tx.ListCustomers(ctx, billing.CustomerFilter{Before: "x"})
	_, _ = tx.PlanVersions(ctx, "x", 1)
	_, _ = tx.LastPlanVersion(ctx, "x")
	_, _ = tx.Refunds(ctx, "x", "y", "z")
	_, _ = tx.OpenIncidents(ctx, "x", "y", "z")
	for _, f := range []billing.IncidentFilter{{}, {Open: true}, {Kind: "x"}, {Plan: "x"}, {Open: true, Kind: "x", Subject: "x"}, {Open: true, Kind: "x", Plan: "x", Before: "x"}} {
		_, _ = tx.Incidents(ctx, f)
	}
}

// walks reports whether a statement is a list that walks along an index and stops at its limit.
// These are lists without a filter, events by type, and audit entries by actor. Only people request
// the last two, too rarely to justify an index.
func walks(query string) bool {
	return !strings.Contains(query, "WHERE") || strings.Contains(query, "WHERE type = $1 ORDER BY") || strings.Contains(query, "WHERE actor = $1 ORDER BY")
}

// TestNoStatementReadsAWholeTableInSQLite reads the plan of every statement.
func TestNoStatementReadsAWholeTableInSQLite(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	for _, statement := range statements(t, s) {
		if walks(statement.Query) {
			continue
		}
		explainInSQLite(t, s, statement)
	}
}

func explainInSQLite(t *testing.T, s *store.Store, statement store.Statement) {
	t.Helper()
	rows, err := s.Pool().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+statement.Query, statement.Args...)
	require.NoError(t, err, statement.Query)
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		if strings.HasPrefix(detail, "SCAN") && !strings.Contains(detail, "CONSTANT ROW") && detail != "SCAN p" { // p: what a bounded subquery gave
			t.Errorf("%s in:\n%s", detail, statement.Query)
		}
	}
	require.NoError(t, rows.Err())
}

// TestNoStatementReadsAWholeTableInPostgreSQL reads the plan of every statement, made for all
// values at once as a server does with statements it has often seen. Reading a whole table is made
// dear beforehand, alone or for a join, because on an empty one it is right.
func TestNoStatementReadsAWholeTableInPostgreSQL(t *testing.T) {
	t.Parallel()
	s := storetest.Postgres(t)
	list := statements(t, s)
	c, err := s.Pool().Conn(t.Context())
	require.NoError(t, err)
	defer c.Close()
	forgetStatistics(t, c)
	_, err = c.ExecContext(t.Context(), `SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
		SET plan_cache_mode = force_generic_plan`)
	require.NoError(t, err)
	for i, statement := range list {
		_, err := c.ExecContext(t.Context(), fmt.Sprintf("PREPARE s%d AS %s", i, statement.Query))
		require.NoError(t, err, statement.Query)
		query := fmt.Sprintf("EXPLAIN EXECUTE s%d", i)
		if n := len(statement.Args); n > 0 {
			query += "(" + strings.Join(slices.Repeat([]string{"NULL"}, n), ", ") + ")"
		}
		if line := wholeRead(explained(t, c, query), walks(statement.Query)); line != "" {
			t.Errorf("%s in:\n%s", line, statement.Query)
		}
	}
}

// forgetStatistics makes PostgreSQL plan for tables that were never filled or analyzed, even if
// earlier tests or autovacuum changed their statistics. Otherwise the choice between two indexes of
// an empty table would depend on the order of the tests.
func forgetStatistics(t *testing.T, c *sql.Conn) {
	t.Helper()
	_, err := c.ExecContext(t.Context(), `DO $$ DECLARE name text; BEGIN
		FOR name IN SELECT oid::regclass FROM pg_class
			WHERE relnamespace = current_schema::regnamespace AND relkind = 'r' AND relname <> 'goose_db_version' LOOP
			EXECUTE 'ALTER TABLE ' || name || ' SET (autovacuum_enabled = false)';
			EXECUTE 'TRUNCATE ' || name || ' CASCADE';
		END LOOP; END $$`)
	require.NoError(t, err)
}

// explained are the lines of a plan.
func explained(t *testing.T, c *sql.Conn, query string) []string {
	t.Helper()
	rows, err := c.QueryContext(t.Context(), query)
	require.NoError(t, err, query)
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		lines = append(lines, line)
	}
	require.NoError(t, rows.Err())
	return lines
}

// wholeRead finds the line of a plan that reads a whole table, or walks a whole index unless that
// is allowed: an index that is searched has its condition on the next line.
func wholeRead(lines []string, mayWalk bool) string {
	for i, line := range lines {
		if strings.Contains(line, "Seq Scan") {
			return line
		}
		next := ""
		if i+1 < len(lines) {
			next = lines[i+1]
		}
		if strings.Contains(line, "Index") && strings.Contains(line, "Scan") && !strings.Contains(next, "Index Cond") && !mayWalk {
			return line
		}
	}
	return ""
}
