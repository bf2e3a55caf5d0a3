package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"tranche/internal/billing"
)

// reader implements billing.Reader.
type reader struct{ conn }

var _ billing.Reader = reader{}

// maxList is the most ids named in one statement; a power of two, and less than any engine's limit
// on parameters.
const maxList = 512

// page bounds a limit: 0, or more than billing.MaxPage, means billing.MaxPage.
func page(limit int) int {
	if limit <= 0 {
		return billing.MaxPage
	}
	return min(limit, billing.MaxPage)
}

// filter builds the conditions of a list. The zero value selects everything.
type filter struct {
	conditions []string
	args       []any
}

// add takes a condition that ends with a comparison operator; the value becomes its parameter.
func (f *filter) add(condition string, value any) {
	f.args = append(f.args, value)
	f.conditions = append(f.conditions, condition+" $"+strconv.Itoa(len(f.args)))
}

// sql is the query with the conditions, an order and a limit.
func (f *filter) sql(selectFrom, order string, limit int) string {
	if len(f.conditions) > 0 {
		selectFrom += " WHERE " + strings.Join(f.conditions, " AND ")
	}
	return selectFrom + " ORDER BY " + order + " LIMIT " + strconv.Itoa(page(limit))
}

// placeholders writes ($1, $2), ($3, $4) … for the given number of rows and columns, counting on
// from first.
func placeholders(first, rows, columns int) string {
	var b strings.Builder
	n := first
	for r := range rows {
		if r > 0 {
			b.WriteString(", ")
		}
		for c := range columns {
			b.WriteString([]string{"(", ", "}[min(c, 1)])
			b.WriteString("$")
			b.WriteString(strconv.Itoa(n))
			n++
		}
		b.WriteString(")")
	}
	return b.String()
}

// byIDs reads the rows that a list of ids names. query ends with IN, and order follows; rows come
// in the order of the ids first. Each list is filled up to a power of two with its last id: servers
// and drivers keep a prepared statement for every length they see.
func byIDs[ID ~string, T any](ctx context.Context, c conn, doing string, scan func(scanner) (T, error), query, order string, ids []ID) ([]T, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	var list []T
	for chunk := range slices.Chunk(ids, maxList) {
		size := 1
		for size < len(chunk) {
			size *= 2
		}
		args := make([]any, size)
		for i := range args {
			args[i] = string(chunk[min(i, len(chunk)-1)])
		}
		part, err := all(ctx, c, doing, scan, query+" "+placeholders(1, 1, size)+" ORDER BY "+order, args...)
		if err != nil {
			return nil, err
		}
		list = append(list, part...)
	}
	return list, nil
}

// insertRows adds rows in as few statements as the engine's limit on parameters allows, passes over
// those whose unique keys are taken, and returns how many were added. A refused row is no error to
// the database, so the transaction goes on: with a unique violation PostgreSQL would refuse
// everything that follows.
func (c conn) insertRows(ctx context.Context, doing, table, columns string, rows [][]any) (int64, error) {
	var added int64
	for chunk := range slices.Chunk(rows, c.rowsPerStatement(rows)) {
		query, args := insertSQL(table, columns, chunk)
		n, err := c.exec(ctx, doing, query, args...)
		if err != nil {
			return added, err
		}
		added += n
	}
	return added, nil
}

// insertSQL is one statement that adds the rows that can be added.
func insertSQL(table, columns string, rows [][]any) (string, []any) {
	query := "INSERT INTO " + table + " (" + columns + ") VALUES " + placeholders(1, len(rows), len(rows[0])) +
		" ON CONFLICT DO NOTHING"
	return query, slices.Concat(rows...)
}

// rowsPerStatement is how many of the rows fit one statement.
func (c conn) rowsPerStatement(rows [][]any) int {
	if len(rows) == 0 {
		return 1
	}
	return c.dialect.MaxParams / len(rows[0])
}
