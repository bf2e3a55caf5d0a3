package handlers_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
)

func TestALongAuditTrailIsReadPageByPage(t *testing.T) {
	eachEngine(t, func(s *surface) {
		id := s.activePlan("order-1")
		const many = 2*billing.MaxPage + 3
		require.NoError(s.t, s.store.Update(s.t.Context(), func(tx billing.Tx) error {
			for range many {
				if err := tx.InsertAudit(s.t.Context(), billing.AuditEntry{At: time.Unix(1, 0), Actor: billing.ActorTranche, Action: "charge.retrying", PlanID: id}); err != nil {
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
			var page handlers.ListView[handlers.AuditView]
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
