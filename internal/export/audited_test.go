package export_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/export"
	"tranche/internal/store/storetest"
)

// cutOff is a store whose export ends with an error after the caller has disconnected.
type cutOff struct {
	billing.Store
	gone context.CancelFunc
	err  error
}

// Export passes on every row, and then returns the error.
func (c cutOff) Export(ctx context.Context, t billing.ExportTable, since time.Time, row func([]any) error) error {
	err := held.Export(ctx, t, since, row)
	c.gone()
	return errors.Join(err, c.err)
}

// Update fails with ErrUnavailable, unless the export itself is to fail.
func (c cutOff) Update(ctx context.Context, fn func(tx billing.Tx) error) error {
	if c.err == nil {
		return billing.ErrUnavailable
	}
	return c.Store.Update(ctx, fn)
}

func TestWriteAudited_ExportThatEndsEarly(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		ctx, gone := context.WithCancel(t.Context())
		now := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
		broken := errors.New("broken")
		var out bytes.Buffer
		_, err := export.WriteAudited(ctx, cutOff{s, gone, broken}, table, now, export.CSV, func() time.Time { return now }, &out, nil)
		require.ErrorIs(t, err, broken)
		entries, err := s.AuditTrail(t.Context(), billing.AuditFilter{})
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.Equal(t, "things was exported as csv, rows written or changed since 2026-01-31T09:00:00Z: 2 rows; it ended early", entries[0].Message)
		require.Equal(t, now, entries[0].At)
	})
}

func TestWriteAudited_EntryNotWritten(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	_, err := export.WriteAudited(t.Context(), cutOff{storetest.SQLite(t), func() {}, nil}, table, time.Time{}, export.CSV, time.Now, &out, nil)
	require.ErrorIs(t, err, billing.ErrUnavailable)
}
