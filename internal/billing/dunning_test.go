package billing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func TestTheNextStepOfADunningIsTheEarliestThatIsLeft(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	d := billing.Dunning{RemindAt: at, FinalAt: at.AddDate(0, 0, 4), DeadlineAt: at.AddDate(0, 0, 7)}
	require.Equal(t, d.RemindAt, d.Next())
	d.RemindAt = time.Time{}
	require.Equal(t, d.FinalAt, d.Next())
	d.FinalAt = time.Time{}
	require.Equal(t, d.DeadlineAt, d.Next())
}
