package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/plaintext"
	"tranche/internal/store/storetest"
	"tranche/internal/testenv"
)

// hook posts a signed webhook.
func (s *surface) hook(body string) answer {
	s.t.Helper()
	return s.do("POST", "/webhooks/stripe", signed(body, webhookSecret, time.Now()), body)
}

// refusing is a database that refuses a batch with a bad event in it.
type refusing struct{ billing.Store }

func (r refusing) InsertEvents(ctx context.Context, events []billing.Event) ([]string, error) {
	for _, e := range events {
		if strings.HasPrefix(e.ID, "evt_bad") {
			return nil, errors.New("the database does not take it")
		}
	}
	return r.Store.InsertEvents(ctx, events)
}

func TestWebhook_OneBadEventFailsNoOther(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, st billing.Store) {
		s := newSurface(t, st, func(c *handlers.Config) { c.Store = refusing{st} })
		const senders, each = 20, 15
		var wg sync.WaitGroup
		statuses := make([][]int, senders+4)
		for n := range senders + 4 {
			wg.Go(func() {
				for i := range each {
					id := fmt.Sprintf("evt_good_%d_%d", n, i)
					if n >= senders {
						id = fmt.Sprintf("evt_bad_%d_%d", n, i)
					}
					statuses[n] = append(statuses[n], s.hook(event(id)).status)
				}
			})
		}
		wg.Wait()
		for n, list := range statuses {
			for _, status := range list {
				require.Equal(t, n < senders, status == http.StatusOK, "sender %d: %d", n, status)
			}
		}
		s.take(senders * each)
	})
}

func TestWebhook_TextThatNoDatabaseKeeps(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for i, text := range testenv.HostileTexts() {
			id := fmt.Sprintf("evt_%d", i)
			body := strings.Replace(event(id), `"object": {`, `"object": {"description": `+testenv.JSONText(text)+`, `, 1)
			require.Equal(s.t, http.StatusOK, s.hook(body).status, "%.40q", text)
			e, err := s.store.Event(s.t.Context(), id)
			require.NoError(s.t, err)
			require.Equal(s.t, "pi_1", e.ObjectID)
			require.Empty(s.t, plaintext.JSONFaults(e.Payload), "%s", e.Payload)

			body = strings.Replace(event(id+"b"), `"id": "pi_1"`, `"id": `+testenv.JSONText(text), 1)
			require.Equal(s.t, http.StatusOK, s.hook(body).status, "object id %.40q", text)
			for _, field := range []string{`"api_version": "2030-01-01.aurora"`, `"type": "payment_intent.succeeded"`, `"id": "evt_f"`} {
				name, _, _ := strings.Cut(field, ": ")
				a := s.hook(strings.Replace(event("evt_f"), field, name+": "+testenv.JSONText(text), 1))
				require.Less(s.t, a.status, 500, "%s %.40q: %s", field, text, a.body)
			}
		}
	})
}

func TestWebhook_Malformed(t *testing.T) {
	t.Parallel()
	var log lockedLog
	s := newSurface(t, storetest.SQLite(t), func(c *handlers.Config) { c.Log = zerolog.New(&log) })
	account := func(account string) string {
		return strings.Replace(event("evt_1"), `"livemode"`, `"account": `+account+`, "livemode"`, 1)
	}
	for body, says := range map[string]string{
		strings.Replace(event("evt_1"), `"id": "evt_1", `, "", 1): "type \\\"payment_intent.succeeded\\\" is not a valid id",
		strings.Replace(event("evt_1"), "evt_1", "evt\\u0000", 1): "is not a valid id",
		event("evt 1"): "is not a valid id",
		strings.Replace(event("evt_1"), "payment_intent.suc", "\\u0000", 1): "is not a valid type",
		account(`"acct_x\r\nX-Y: z"`):                                       "is not the id of a connected account",
		account(`"` + strings.Repeat("k", 10_000) + `"`):                    "is not the id of a connected account",
		account(`{"id": "acct_\u0000"}`):                                    "is not the id of a connected account",
	} {
		a := s.hook(body)
		require.Equal(t, http.StatusBadRequest, a.status, "%s: %s", body, a.body)
		require.Equal(t, "malformed_event", a.problem(t).Code)
		line := log.take()
		require.Contains(t, line, `"level":"warn"`)
		require.Contains(t, line, says)
		require.Less(t, len(line), 1000)
	}
	require.Equal(t, http.StatusOK, s.hook(account(`"acct_1Villa"`)).status)
	for range 50 {
		s.hook(event("evt 1"))
	}
	require.LessOrEqual(t, strings.Count(log.take(), "signed webhook refused"), 10, "a flood does not fill the log")
	events, err := s.store.Events(t.Context(), billing.EventFilter{})
	require.NoError(t, err)
	require.Len(t, events, 1)
}

// take returns what was written since the last call.
func (l *lockedLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func TestWebhook_ResentFailedEvent(t *testing.T) {
	eachEngine(t, func(s *surface) {
		for status, again := range map[billing.EventStatus]bool{
			billing.EventFailed: true, billing.EventHandled: false, billing.EventIgnored: false, billing.EventPending: false,
		} {
			id := "evt_" + string(status)
			require.Equal(s.t, http.StatusOK, s.hook(event(id)).status)
			e, err := s.store.Event(s.t.Context(), id)
			require.NoError(s.t, err)
			e.Status, e.Reason, e.Attempts, e.HandledAt, e.ClaimAfter = status, "why", 7, time.Now(), time.Time{}
			require.NoError(s.t, s.store.Update(s.t.Context(), func(tx billing.Tx) error { return tx.UpdateEvent(s.t.Context(), e) }))
			e, err = s.store.Event(s.t.Context(), id)
			require.NoError(s.t, err)
			s.take(1)

			a := s.hook(event(id))
			require.JSONEq(s.t, fmt.Sprintf(`{"received": true, "duplicate": %t}`, !again), string(a.body))
			now, err := s.store.Event(s.t.Context(), id)
			require.NoError(s.t, err)
			if !again {
				require.Equal(s.t, e, now)
				continue // handed on, it would be among the next that are taken
			}
			require.Equal(s.t, []any{billing.EventPending, 0, true}, []any{now.Status, now.Attempts, now.HandledAt.IsZero()})
			require.WithinDuration(s.t, time.Now().Add(time.Minute), now.ClaimAfter, 30*time.Second)
			require.Equal(s.t, []billing.Event{now}, s.take(1), "it is handled at once, under its present lease")
			require.JSONEq(s.t, `{"received": true, "duplicate": true}`, string(s.hook(event(id)).body), "it is pending by now")
			entries, err := s.store.AuditTrail(s.t.Context(), billing.AuditFilter{Subject: id, Limit: 10})
			require.NoError(s.t, err)
			require.Len(s.t, entries, 1)
			require.Equal(s.t, []any{"event.retried", billing.Actor("event:" + id)}, []any{entries[0].Action, entries[0].Actor})
		}
	})
}
