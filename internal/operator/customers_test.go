package operator_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

func ptr[T any](v T) *T { return &v }

func TestACustomerIsChanged(t *testing.T) {
	eachWallet(t, func(w wallet) {
		ctx := w.t.Context()
		change := operator.CustomerChange{Email: ptr("ada@new.example"), Name: ptr("Ada"), Locale: ptr("de"), StripeCustomer: ptr("cus_new")}
		done, err := w.operator().ChangeCustomer(ctx, w.plan.CustomerID, change)
		require.NoError(w.t, err)
		require.Contains(w.t, done.Message, "email, name, locale, stripe_customer changed")
		require.NotContains(w.t, done.Message, "ada@new.example", "personal data is not in the audit trail")
		is, err := w.Customer(ctx, w.plan.CustomerID)
		require.NoError(w.t, err)
		require.Equal(w.t, []string{"ada@new.example", "Ada", "de", "cus_new"}, []string{is.Email, is.Name, is.Locale, is.StripeCustomer})
		again, err := w.operator().ChangeCustomer(ctx, w.plan.CustomerID, change)
		require.NoError(w.t, err)
		require.Contains(w.t, again.Message, "stays as it is")

		var invalid *billing.InvalidError
		_, err = w.operator().ChangeCustomer(ctx, w.plan.CustomerID, operator.CustomerChange{
			Email: ptr("no address"), Locale: ptr("English"), TimeZone: ptr("Mars/Olympus"), StripeCustomer: ptr("ada"), Name: ptr("a\nb"),
		})
		require.ErrorAs(w.t, err, &invalid)
		var fields []string
		for _, f := range invalid.Fields {
			fields = append(fields, f.Field)
		}
		require.ElementsMatch(w.t, []string{"email", "locale", "timezone", "stripe_customer", "name"}, fields)
		_, err = w.operator().ChangeCustomer(ctx, "cust_none", change)
		require.ErrorIs(w.t, err, billing.ErrNotFound)
	})
}

// TestAChangeOfTheTimeZoneMovesWhatIsToCome includes the ends of daylight saving time in either
// zone.
func TestAChangeOfTheTimeZoneMovesWhatIsToCome(t *testing.T) {
	for name, test := range map[string]struct{ from, to, at, want string }{
		"east":                          {"Europe/London", "Asia/Tokyo", "2027-01-15T09:00:00Z", "2027-01-15T00:00:00Z"},
		"west":                          {"Europe/London", "America/New_York", "2027-01-15T09:00:00Z", "2027-01-15T14:00:00Z"},
		"from no zone":                  {"", "Europe/Berlin", "2027-07-01T09:30:15Z", "2027-07-01T07:30:15Z"},
		"summer here, winter there":     {"Europe/London", "Australia/Sydney", "2027-07-01T08:00:00Z", "2027-06-30T23:00:00Z"},
		"a time that clocks skip":       {"UTC", "Europe/Berlin", "2027-03-28T02:30:00Z", "2027-03-28T01:00:00Z"},
		"a time that clocks show twice": {"UTC", "Europe/Berlin", "2027-10-31T02:30:00Z", "2027-10-31T00:30:00Z"},
		"over the date line":            {"Pacific/Honolulu", "Pacific/Kiritimati", "2027-01-15T19:00:00Z", "2027-01-14T19:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			eachWallet(t, func(w wallet) {
				at, want := instant(w.t, test.at), instant(w.t, test.want)
				w.inZone(test.from, at)
				done, err := w.operator().ChangeCustomer(w.t.Context(), w.plan.CustomerID, operator.CustomerChange{TimeZone: &test.to})
				require.NoError(w.t, err)
				require.Len(w.t, done.Moved, 1)
				charges, err := w.PlanCharges(w.t.Context(), w.plan.ID)
				require.NoError(w.t, err)
				require.Equal(w.t, want, charges[2].DueAt)
				require.Equal(w.t, []time.Time{want, want}, []time.Time{charges[2].NextAttemptAt, charges[2].ClaimAfter})
			})
		})
	}
}

func TestWhatAChangeOfTheTimeZoneLeaves(t *testing.T) {
	eachWallet(t, func(w wallet) {
		ctx := w.t.Context()
		w.inZone("Europe/London", instant(w.t, "2027-01-15T09:00:00Z"))
		require.NoError(w.t, w.Update(ctx, func(tx billing.Tx) error { // the second was tried
			_, err := tx.LockPlan(ctx, w.plan.ID)
			require.NoError(w.t, err)
			charges, err := tx.PlanCharges(ctx, w.plan.ID)
			require.NoError(w.t, err)
			c := charges[1]
			c.Status, c.AttemptCount, c.NextAttemptAt, c.ClaimAfter = billing.ChargeRetrying, 1, now.AddDate(0, 0, 2), now.AddDate(0, 0, 2)
			return tx.UpdateCharge(ctx, c)
		}))
		before, err := w.PlanCharges(ctx, w.plan.ID)
		require.NoError(w.t, err)
		to := "Asia/Tokyo"
		would, err := w.operator().With(operator.Options{DryRun: true}).ChangeCustomer(ctx, w.plan.CustomerID, operator.CustomerChange{TimeZone: &to})
		require.NoError(w.t, err)
		unmoved, err := w.PlanCharges(ctx, w.plan.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, before, unmoved, "a rehearsal changes nothing")

		done, err := w.operator().ChangeCustomer(ctx, w.plan.CustomerID, operator.CustomerChange{TimeZone: &to})
		require.NoError(w.t, err)
		require.Equal(w.t, would.Moved, done.Moved)
		require.Len(w.t, done.Moved, 1)
		after, err := w.PlanCharges(ctx, w.plan.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, before[:2], after[:2], "paid and tried charges stay")
		versions, err := billing.PlanVersions(ctx, w, w.plan.ID)
		require.NoError(w.t, err)
		require.Len(w.t, versions, 2)
		require.Contains(w.t, versions[1].What, "Asia/Tokyo")
		trail, err := billing.WholeTrail(ctx, w, w.plan.ID)
		require.NoError(w.t, err)
		require.True(w.t, slices.ContainsFunc(trail, func(e billing.AuditEntry) bool { return e.Action == "plan.zone_changed" }))

		same := "Japan" // another name of the same clocks
		done, err = w.operator().ChangeCustomer(ctx, w.plan.CustomerID, operator.CustomerChange{TimeZone: &same})
		require.NoError(w.t, err)
		require.Empty(w.t, done.Moved)
	})
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at
}

// inZone sets the customer's time zone and the third charge's due time; the second charge is not
// open.
func (w wallet) inZone(zone string, at time.Time) {
	w.t.Helper()
	ctx := w.t.Context()
	require.NoError(w.t, w.Update(ctx, func(tx billing.Tx) error {
		c, err := tx.Customer(ctx, w.plan.CustomerID)
		require.NoError(w.t, err)
		c.TimeZone = zone
		require.NoError(w.t, tx.UpdateCustomer(ctx, c))
		_, err = tx.LockPlan(ctx, w.plan.ID)
		require.NoError(w.t, err)
		charges, err := tx.PlanCharges(ctx, w.plan.ID)
		require.NoError(w.t, err)
		charges[1].Status = billing.ChargeCanceled
		require.NoError(w.t, tx.UpdateCharge(ctx, charges[1]))
		charges[2].DueAt, charges[2].NextAttemptAt, charges[2].ClaimAfter = at, at, at
		return tx.UpdateCharge(ctx, charges[2])
	}))
}
