package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/terms"
	"tranche/jobs"
)

// TestNoMailGoesOutBeforeItsLinkIsOpen: opening the link fails once. The mail waits, and is then
// sent once.
func TestNoMailGoesOutBeforeItsLinkIsOpen(t *testing.T) {
	eachEngine(t, func(b *bench) {
		b.Started("4242424242424242", nil)
		sent := len(b.Mails.Mails)
		p := b.Plan(func(t *terms.Terms) { t.Reference = "order-2" })
		require.NoError(b.t, b.PayFirst(p, "4242424242424242"))
		away := errors.New("the database is away")
		opened := 0
		config := b.WorkerConfig()
		config.OpenLink = func(context.Context, billing.Notice) error { opened++; return away }
		b.Worker = jobs.New(config)
		b.TakeIn(b.Arrived()...)
		events, err := b.Store.ClaimEvents(b.t.Context(), b.Now(), b.Now().Add(time.Minute), 100)
		require.NoError(b.t, err)
		for _, e := range events {
			b.Do(eventTask(e.EventID, e.Lease))
		}
		notices, err := b.Store.ClaimNotices(b.t.Context(), b.Now().Add(time.Minute), b.Now().Add(2*time.Minute), 100)
		require.NoError(b.t, err)
		require.Len(b.t, notices, 1)
		require.ErrorIs(b.t, b.Worker.Do(b.t.Context(), noticeTask(string(notices[0].NoticeID), notices[0].Lease)), away)
		require.Len(b.t, b.Mails.Mails, sent)

		config.OpenLink = func(context.Context, billing.Notice) error { opened++; return nil }
		b.Worker = jobs.New(config)
		b.Do(noticeTask(string(notices[0].NoticeID), notices[0].Lease))
		require.Len(b.t, b.Mails.Mails, sent+1)
		require.Equal(b.t, 2, opened)
	})
}
