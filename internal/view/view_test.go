package view_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/view"
)

// fields returns the JSON of a value.
func fields(t *testing.T, v any) map[string]any {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	out := map[string]any{}
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

func TestNewNotice_NullAndOwnMail(t *testing.T) {
	t.Parallel()
	n := billing.Notice{ID: "ntc_1", Kind: billing.NoticePlanPaused, PlanID: "plan_1", Data: billing.NoticeData{MailedWith: "ntc_1"}}
	waiting := fields(t, view.NewNotice(n))
	require.Contains(t, waiting, "sent_at")
	require.Nil(t, waiting["sent_at"], "a time that has not come is null")
	require.Nil(t, waiting["charge"], "so is a charge that it is not about")
	require.NotContains(t, waiting, "mailed_with", "the notice has a mail of its own")

	n.SentAt, n.ChargeID, n.Data.MailedWith = time.Date(2026, 3, 29, 1, 30, 0, 0, time.FixedZone("", 3600)), "chg_1", "ntc_2"
	sent := fields(t, view.NewNotice(n))
	require.Equal(t, "chg_1", sent["charge"])
	require.Equal(t, "ntc_2", sent["mailed_with"])
	require.Equal(t, "2026-03-29T00:30:00Z", sent["sent_at"], "times are in UTC")
}

func TestPage(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rows int
		want view.List[string]
	}{
		{0, view.List[string]{Object: "list", Data: []string{}}},
		{2, view.List[string]{Object: "list", Data: []string{"0", "10"}}},
		{3, view.List[string]{Object: "list", Data: []string{"0", "10"}, HasMore: true, Next: "row 1"}},
	} {
		rows := make([]int, tc.rows)
		for i := range rows {
			rows[i] = i
		}
		one := func(row int) string { return strconv.Itoa(row * 10) }
		require.Equal(t, tc.want, view.Page(rows, 2, one, func(row int) string { return "row " + strconv.Itoa(row) }))
	}
}
