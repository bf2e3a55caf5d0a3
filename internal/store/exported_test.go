package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/export"
	"tranche/internal/store"
	"tranche/internal/store/storetest"
)

// unexported are the tables that no export holds.
var unexported = map[string]string{
	"binding":          "holds the account and the home of this database: a copy must not inherit it",
	"periodic_jobs":    "is how far the schedulers have come",
	"requests":         "holds the requests made with each Idempotency-Key, which are of no use elsewhere",
	"card_tries":       "counts the cards that customers tried in the last days, which is of no use elsewhere",
	"erased_objects":   "keeps erased customers from coming back",
	"lineage":          "identifies this database: a copy must not inherit it",
	"rewinds":          "holds the times at which committed rows were lost; `tranche restore-check` shows them",
	"catch_up_days":    "limits the missed charges of a customer to one a day",
	"goose_db_version": "is the version of the tables",
	"goose_lock":       "is a lock",
}

// TestEveryColumnIsExportedOrLeftOutForAReason holds the exports to the schema, so that what comes
// later is not forgotten.
func TestEveryColumnIsExportedOrLeftOutForAReason(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/export.md")
	require.NoError(t, err)
	exported := map[string]billing.ExportTable{}
	for _, e := range export.Tables() {
		exported[e.Table] = e
	}
	pool := storetest.SQLite(t).Pool()
	seen := 0
	for _, table := range tables(t, pool) {
		e, ok := exported[table]
		if !ok {
			require.NotEmpty(t, unexported[table], "table %s is neither exported nor left out for a reason", table)
			continue
		}
		seen++
		require.Contains(t, string(doc), "| `"+e.Name+"` |")
		want := columnsOf(t, pool, table)
		var have []string
		for _, c := range e.Columns {
			have = append(have, c.Name)
			require.Contains(t, string(doc), c.Name)
		}
		for column, why := range e.Withheld {
			have = append(have, column)
			require.NotEmpty(t, why)
			require.Contains(t, string(doc), column)
		}
		require.ElementsMatch(t, want, have, table)
	}
	require.Len(t, exported, seen)
}

// TestWhatIsExportedIsTheSameOnBothEngines exports every table in both formats.
func TestWhatIsExportedIsTheSameOnBothEngines(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	link := "https://pay.example.com/pay/abcDEF123-_x"
	written := map[string][]string{}
	for _, s := range []*store.Store{storetest.SQLite(t), storetest.Postgres(t)} {
		fill(t, s, now, link)
		for _, table := range export.Tables() {
			for _, f := range []export.Format{export.CSV, export.JSONL} {
				var out bytes.Buffer
				rows, err := export.Write(t.Context(), s, table, time.Time{}, f, &out, nil)
				require.NoError(t, err)
				if !slices.Contains([]string{"dunnings", "policies", "endpoints", "messages", "deliveries"}, table.Name) {
					require.NotZero(t, rows, table.Name)
				}
				require.NotContains(t, out.String(), "abcDEF123", table.Name)
				require.NotContains(t, out.String(), "hash-", table.Name)
				written[table.Name+"."+string(f)] = append(written[table.Name+"."+string(f)], shape(out.String()))

				out.Reset()
				rows, err = export.Write(t.Context(), s, table, now.Add(time.Hour), f, &out, nil)
				require.NoError(t, err)
				require.Zero(t, rows, table.Name+": nothing was changed since")
			}
		}
	}
	for name, both := range written {
		require.Equal(t, both[0], both[1], name)
	}
}

// shape is an export without the ids, which differ from run to run.
func shape(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		var words []string
		for _, w := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(",\":{}\n", r) }) {
			if prefix, _, ok := strings.Cut(w, "_"); ok && len(w) > 25 {
				w = prefix
			}
			words = append(words, w)
		}
		out = append(out, strings.Join(words, ","))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func columnsOf(t *testing.T, pool *sql.DB, table string) []string {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), "SELECT * FROM "+table)
	require.NoError(t, err)
	defer rows.Close()
	names, err := rows.Columns()
	require.NoError(t, errors.Join(err, rows.Err()))
	return names
}

func fill(t *testing.T, s *store.Store, now time.Time, link string) {
	t.Helper()
	c := fillTables(t, s, "a", now)
	plan, err := s.PlanByReference(t.Context(), "order-a")
	require.NoError(t, err)
	require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error {
		_, err := tx.InsertNotice(t.Context(), billing.Notice{
			ID: billing.NewNoticeID(now), Kind: billing.NoticeCardExpiring, PlanID: plan.ID, CustomerID: c.ID, Step: "link", Channel: billing.ChannelEmail,
			Status: billing.NoticePending, ClaimAfter: now, Body: "Pay here: " + link, CreatedAt: now,
		})
		if err != nil {
			return err
		}
		_, err = tx.OpenIncident(t.Context(), billing.Incident{Kind: billing.IncidentPaidTwice, Subject: "pi_twice", PlanID: plan.ID, OpenedAt: now})
		return err
	}))
}

// TestAnExportIsReadPageByPageAlongItsKey: more rows than a page, each once and in order.
func TestAnExportIsReadPageByPageAlongItsKey(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s *store.Store) {
		now, many := time.Unix(1_700_000_000, 0), 2*billing.MaxPage+3
		c := fillTables(t, s, "a", now)
		plan, err := s.PlanByReference(t.Context(), "order-a")
		require.NoError(t, err)
		require.NoError(t, s.Update(t.Context(), func(tx billing.Tx) error {
			for n := range many {
				require.NoError(t, tx.InsertPlanVersion(t.Context(), billing.PlanVersion{PlanID: plan.ID, Number: n + 2, At: now, Actor: "merchant", Total: 1, Charges: []byte("[]")}))
				require.NoError(t, tx.InsertAudit(t.Context(), billing.AuditEntry{At: now, Actor: "tranche", Action: "note", CustomerID: c.ID}))
			}
			return nil
		}))
		for name, column := range map[string]int{"versions": 1, "audit": 0} {
			table, ok := export.TableOf(name)
			require.True(t, ok)
			var keys []int64
			require.NoError(t, s.Export(t.Context(), table, time.Time{}, func(values []any) error {
				keys = append(keys, values[column].(int64))
				return nil
			}))
			require.Greater(t, len(keys), many)
			require.IsIncreasing(t, keys)
		}
	})
}
