package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/store"
	"tranche/internal/store/storetest"
)

// TestBothEnginesHaveTheSameTables compares tables, columns and whether they may be empty.
func TestBothEnginesHaveTheSameTables(t *testing.T) {
	t.Parallel()
	sqlite, postgres := storetest.SQLite(t), storetest.Postgres(t)
	inSQLite := columns(t, sqlite, `SELECT m.name, c.name, CASE WHEN c."notnull" = 1 OR c.pk > 0 THEN 'NO' ELSE 'YES' END
		FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE 'goose%'`)
	inPostgres := columns(t, postgres, `SELECT table_name, column_name, is_nullable FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name NOT LIKE 'goose%'`)
	require.Equal(t, inSQLite, inPostgres)
	require.Contains(t, inSQLite, "charges.payment_intent YES")

	_, wantSQLite, err := sqlite.Version(t.Context())
	require.NoError(t, err)
	_, wantPostgres, err := postgres.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, wantSQLite, wantPostgres, "every step exists for both")
}

// TestBothEnginesHaveTheSameIndexes compares the named ones, which hold the rules that no column
// can.
func TestBothEnginesHaveTheSameIndexes(t *testing.T) {
	t.Parallel()
	inSQLite := columns(t, storetest.SQLite(t), `SELECT tbl_name, name, CASE WHEN sql LIKE 'CREATE UNIQUE%' THEN 'unique' ELSE '' END
		FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`)
	inPostgres := columns(t, storetest.Postgres(t), `SELECT tablename, indexname, CASE WHEN indexdef LIKE 'CREATE UNIQUE%' THEN 'unique' ELSE '' END
		FROM pg_indexes WHERE schemaname = current_schema() AND indexname NOT LIKE '%key' AND indexname NOT LIKE 'goose%'`)
	require.Equal(t, inSQLite, inPostgres)
	require.Contains(t, inSQLite, "charges.charges_paid_once unique")
}

// columns reads triples of texts as "a.b c".
func columns(t *testing.T, s *store.Store, query string) map[string]bool {
	t.Helper()
	rows, err := s.Pool().QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer rows.Close()
	list := map[string]bool{}
	for rows.Next() {
		var a, b, c string
		require.NoError(t, rows.Scan(&a, &b, &c))
		list[a+"."+b+" "+c] = true
	}
	require.NoError(t, rows.Err())
	return list
}
