package billing

import (
	"context"
	"time"
)

// ExportKind is the format of a value in an export.
type ExportKind int

// The kinds of values.
const (
	ExportText    ExportKind = iota // string
	ExportNumber                    // int64; amounts are minor units
	ExportTime                      // time.Time in UTC
	ExportBoolean                   // bool
	ExportJSON                      // json.RawMessage
	ExportBody                      // string: the text of a mail, without the links that open the recovery page
)

// ExportColumn is a column of a table, under its name in the database.
type ExportColumn struct {
	Name string
	Kind ExportKind
}

// ExportTable is the content of one export: the rows of a table in the order of Key.
type ExportTable struct {
	Name    string // in requests
	Table   string // in the database
	Key     []ExportColumn
	Columns []ExportColumn
	// Changed are the columns with the times when a row was written or changed. They select the
	// rows of an export since a given time.
	Changed []string
	// Withheld are the columns that are not exported, with the reason.
	Withheld map[string]string
}

// Exporter reads whole tables. It is part of the store.
type Exporter interface {
	// Export calls row for each row of a table, in the order of its key. The values are in the
	// order of the columns: nil for NULL, otherwise as ExportKind says. If since is not zero, only
	// rows that were changed at or after it are exported. Export reads page by page, each page in
	// its current state, so that rows written meanwhile may be included or not. Errors: row's own,
	// ErrUnavailable.
	Export(ctx context.Context, t ExportTable, since time.Time, row func(values []any) error) error
}
