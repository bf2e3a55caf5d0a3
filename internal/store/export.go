package store

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tranche/internal/billing"
)

var _ billing.Exporter = (*Store)(nil)

// Export reads a whole table, page by page along its primary key.
func (s *Store) Export(ctx context.Context, t billing.ExportTable, since time.Time, row func(values []any) error) error {
	doing := "export " + t.Name
	read := slices.Concat(t.Key, t.Columns)
	scan := func(row scanner) ([]any, error) { return scanExport(row, read) }
	var after []any
	for {
		query, args := exportSQL(t, after, since)
		list, err := all(ctx, s.conn, doing, scan, query, args...)
		if err != nil {
			return err
		}
		for _, values := range list {
			after = values[:len(t.Key)]
			if err := row(values[len(t.Key):]); err != nil {
				return err
			}
		}
		if len(list) < billing.MaxPage {
			return nil
		}
	}
}

// exportSQL selects the page that follows a key. The table and column names come from the code,
// never from the caller's input.
func exportSQL(t billing.ExportTable, after []any, since time.Time) (string, []any) {
	names := func(list []billing.ExportColumn) string {
		var out []string
		for _, c := range list {
			out = append(out, c.Name)
		}
		return strings.Join(out, ", ")
	}
	var where []string
	args := slices.Clone(after)
	if len(after) > 0 {
		where = append(where, "("+names(t.Key)+") > "+placeholders(1, 1, len(t.Key)))
	}
	if !since.IsZero() {
		args = append(args, since.UnixMilli())
		var changed []string
		for _, column := range t.Changed {
			changed = append(changed, column+" >= $"+strconv.Itoa(len(args)))
		}
		where = append(where, "("+strings.Join(changed, " OR ")+")")
	}
	query := "SELECT " + names(t.Key) + ", " + names(t.Columns) + " FROM " + t.Table
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	return query + " ORDER BY " + names(t.Key) + " LIMIT " + strconv.Itoa(billing.MaxPage), args
}

func scanExport(row scanner, read []billing.ExportColumn) ([]any, error) {
	values, to := make([]any, len(read)), make([]any, len(read))
	for i := range values {
		to[i] = &values[i]
	}
	if err := row.Scan(to...); err != nil {
		return nil, err
	}
	for i, c := range read {
		v, err := exported(c, values[i])
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// payLink is the address of the recovery page with the token that opens it.
var payLink = regexp.MustCompile(`/pay/[A-Za-z0-9_-]+`)

// exported is a value as billing.ExportKind says, from what either driver gives.
func exported(c billing.ExportColumn, v any) (any, error) {
	if b, ok := v.([]byte); ok {
		v = string(b)
	}
	switch v := v.(type) {
	case nil:
		return nil, nil
	case bool:
		return v, nil
	case int64:
		switch c.Kind {
		case billing.ExportTime:
			return time.UnixMilli(v).UTC(), nil
		case billing.ExportBoolean:
			return v != 0, nil
		}
		return v, nil
	case string:
		switch {
		case c.Kind == billing.ExportBody:
			return payLink.ReplaceAllString(v, "/pay/[removed]"), nil
		case c.Kind == billing.ExportJSON && v == "":
			return nil, nil
		case c.Kind == billing.ExportJSON:
			return json.RawMessage(v), nil
		}
		return v, nil
	}
	return nil, fmt.Errorf("column %s holds a %T", c.Name, v)
}
