package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
	"tranche/internal/view"
)

func TestALongAuditTrailIsReadPageByPage(t *testing.T) {
	eachEngine(t, func(s *surface) {
		id := s.activePlan("order-1")
		const many = 2*billing.MaxPage + 3
		require.NoError(s.t, s.store.Update(s.t.Context(), func(tx billing.Tx) error {
			for range many {
				if err := tx.InsertAudit(s.t.Context(), billing.AuditEntry{At: time.Unix(1, 0), Actor: "worker", Action: "charge.retrying", PlanID: id}); err != nil {
					return err
				}
			}
			return nil
		}))
		all, err := billing.WholeTrail(s.t.Context(), s.store, id)
		require.NoError(s.t, err)
		var seqs []int64
		for cursor := ""; ; {
			a := s.api("GET", "/v1/plans/"+string(id)+"/audit?after="+cursor, "")
			require.Equal(s.t, http.StatusOK, a.status)
			var page view.List[view.Audit]
			require.NoError(s.t, json.Unmarshal(a.body, &page))
			for _, e := range page.Data {
				seqs = append(seqs, e.Seq)
			}
			if cursor = page.Next; !page.HasMore {
				break
			}
		}
		require.Len(s.t, seqs, len(all))
		require.GreaterOrEqual(s.t, len(all), many)
		require.IsIncreasing(s.t, seqs)
		require.Equal(s.t, http.StatusBadRequest, s.api("GET", "/v1/plans/"+string(id)+"/audit?after=x", "").status)
	})
}

func TestListAudit_NewestFirstPageByPage(t *testing.T) {
	eachEngine(t, func(s *surface) {
		id := s.activePlan("order-1")
		for range 3 {
			require.Equal(s.t, http.StatusOK, s.api("GET", "/v1/export/links", "").status)
		}
		var seqs []int64
		for cursor := ""; ; {
			page := read[view.List[view.Audit]](s, "GET", "/v1/audit?limit=2&cursor="+cursor, "")
			require.LessOrEqual(s.t, len(page.Data), 2)
			for _, e := range page.Data {
				seqs = append(seqs, e.Seq)
			}
			if cursor = page.Next; !page.HasMore {
				require.Empty(s.t, cursor)
				break
			}
		}
		whole, err := s.store.AuditTrail(s.t.Context(), billing.AuditFilter{Limit: billing.MaxPage})
		require.NoError(s.t, err)
		require.Greater(s.t, len(whole), 2)
		require.Len(s.t, seqs, len(whole))
		require.IsDecreasing(s.t, seqs)
		for query, want := range map[string]string{
			"subject=links": "export.made", "plan=" + string(id): "", "plan=order-1": "", "actor=key:" + handlers.KeyFingerprint(apiKey): "",
		} {
			page := read[view.List[view.Audit]](s, "GET", "/v1/audit?"+query, "")
			require.NotEmpty(s.t, page.Data, query)
			for _, e := range page.Data {
				if want != "" {
					require.Equal(s.t, []any{want, "links"}, []any{e.Action, e.Subject})
				}
				if strings.HasPrefix(query, "plan=") {
					require.Equal(s.t, id, e.Plan)
				}
			}
		}
		for _, query := range []string{"cursor=x", "cursor=-1", "cursor=0", "limit=0", "after=1"} {
			require.Equal(s.t, http.StatusBadRequest, s.api("GET", "/v1/audit?"+query, "").status, query)
		}
	})
}
