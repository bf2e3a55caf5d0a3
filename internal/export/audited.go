package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tranche/internal/billing"
)

// auditTimeout bounds the writing of an export's audit entry, for which a client that is gone is no
// reason to stop.
const auditTimeout = 10 * time.Second

// Store is where exports are read from and their audit entries are written to.
type Store interface {
	billing.Exporter
	Update(ctx context.Context, fn func(tx billing.Tx) error) error
}

// WriteAudited writes a table as Write does, and an audit entry that names table, filter and number
// of rows; also for an export that ended early, because its rows may have been read. An export
// whose entry can't be written fails.
func WriteAudited(
	ctx context.Context, store Store, t billing.ExportTable, since time.Time, f Format, now func() time.Time, w io.Writer, progress func(rows int64),
) (int64, error) {
	rows, err := Write(ctx, store, t, since, f, w, progress)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
	defer cancel()
	entry := entryOf(t, since, f, rows, err == nil)
	entry.At = now()
	return rows, errors.Join(err, store.Update(ctx, func(tx billing.Tx) error { return tx.InsertAudit(ctx, entry) }))
}

func entryOf(t billing.ExportTable, since time.Time, f Format, rows int64, whole bool) billing.AuditEntry {
	filter, end := "all rows", ""
	if !since.IsZero() {
		filter = "rows written or changed since " + since.UTC().Format(time.RFC3339)
	}
	if !whole {
		end = "; it ended early"
	}
	return billing.AuditEntry{
		Action: "export.made", Subject: t.Name, Message: fmt.Sprintf("%s was exported as %s, %s: %d rows%s", t.Name, f, filter, rows, end),
	}
}
