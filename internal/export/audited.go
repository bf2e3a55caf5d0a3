package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tranche/internal/billing"
)

// auditTimeout limits how long writing an export's audit entry may take. The entry is written even
// if the client has disconnected.
const auditTimeout = 10 * time.Second

// Store is the database that exports are read from, and their audit entries are written to.
type Store interface {
	billing.Exporter
	Update(ctx context.Context, fn func(tx billing.Tx) error) error
}

// WriteAudited writes a table as Write does, and an audit entry with table, filter and number of
// rows. The entry is also written for an export that ended early, because its rows may have been
// read. If the entry can't be written, the export fails.
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
