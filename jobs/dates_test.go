package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/operator"
)

// onThe31st is a plan of three months that begins on 31 December, a Thursday.
func (b *bench) onThe31st(rule calendar.BusinessDay) billing.PlanID {
	b.t.Helper()
	p := b.begins(billing.Terms{
		Kind: billing.KindInstallments, Currency: "usd", Total: 30000, Parts: 3, Every: "1 month", Starts: "2026-12-31", BusinessDay: rule,
	})
	return p.Plan.ID
}

// dates lists the due days of the plan's charges that count.
func (b *bench) dates(id billing.PlanID) []string {
	b.t.Helper()
	var list []string
	loc := billing.LoadLocation("Europe/London")
	for _, c := range b.details(id).Charges {
		if !c.Dropped {
			list = append(list, c.DueAt.In(loc).Format(time.DateOnly))
		}
	}
	return list
}

func TestChangedDates_KeepTheAnchorDay(t *testing.T) {
	for name, tc := range map[string]struct {
		rule   calendar.BusinessDay
		change func(b *bench, s operator.Store, id billing.PlanID) error
		want   []string
	}{
		"extend": {change: func(b *bench, s operator.Store, id billing.PlanID) error {
			_, err := operator.Extend(b.t.Context(), s, id, operator.Extension{Parts: 2}, b.Now())
			return err
		}, want: []string{"2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"}},
		"extend twice": {change: func(b *bench, s operator.Store, id billing.PlanID) error {
			for range 2 {
				if _, err := operator.Extend(b.t.Context(), s, id, operator.Extension{Parts: 1, Every: "1 month"}, b.Now()); err != nil {
					return err
				}
			}
			return nil
		}, want: []string{"2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"}},
		"extend off weekends": {rule: calendar.BusinessDayFollowing, change: func(b *bench, s operator.Store, id billing.PlanID) error {
			_, err := operator.Extend(b.t.Context(), s, id, operator.Extension{Parts: 3}, b.Now())
			return err
		}, want: []string{"2026-12-31", "2027-02-01", "2027-03-01", "2027-03-31", "2027-04-30", "2027-05-31"}},
		"skip to the end": {change: func(b *bench, s operator.Store, id billing.PlanID) error {
			_, err := operator.SkipToEnd(b.t.Context(), s, b.charge(id, 2).ID, "", "", b.Now())
			return err
		}, want: []string{"2026-12-31", "2027-02-28", "2027-03-31"}},
		"extend after a move": {change: func(b *bench, s operator.Store, id billing.PlanID) error {
			if _, err := operator.Move(b.t.Context(), s, b.charge(id, 3).ID, "2027-03-10", b.Now()); err != nil {
				return err
			}
			_, err := operator.Extend(b.t.Context(), s, id, operator.Extension{Parts: 1}, b.Now())
			return err
		}, want: []string{"2026-12-31", "2027-01-31", "2027-03-10", "2027-03-31"}},
		"extend after a payment ahead of time": {change: func(b *bench, s operator.Store, id billing.PlanID) error {
			b.setNow(time.Date(2027, 2, 5, 12, 0, 0, 0, time.UTC))
			b.settle()
			b.setNow(time.Date(2027, 2, 7, 12, 0, 0, 0, time.UTC))
			b.settle()
			if _, err := operator.Pay(b.t.Context(), s, b.charge(id, 3).ID, b.Now()); err != nil {
				return err
			}
			_, err := operator.Extend(b.t.Context(), s, id, operator.Extension{Parts: 1}, b.Now())
			return err
		}, want: []string{"2026-12-31", "2027-01-31", "2027-02-07", "2027-03-31"}},
		"move, split and fee off weekends": {rule: calendar.BusinessDayFollowing, change: func(b *bench, s operator.Store, id billing.PlanID) error {
			if _, err := operator.Move(b.t.Context(), s, b.charge(id, 3).ID, "2027-05-01", b.Now()); err != nil { // Saturday
				return err
			}
			if _, err := operator.Split(b.t.Context(), s, b.charge(id, 2).ID, 5000, "2027-02-13", b.Now()); err != nil { // Saturday
				return err
			}
			_, err := operator.AddFee(b.t.Context(), s, id, 700, "2027-02-20", "", b.Now()) // Saturday
			return err
		}, want: []string{"2026-12-31", "2027-02-01", "2027-02-15", "2027-02-22", "2027-05-03"}},
		"resume with shift off weekends": {rule: calendar.BusinessDayFollowing, change: func(b *bench, s operator.Store, id billing.PlanID) error {
			if _, err := operator.Pause(b.t.Context(), s, id, "", b.Now()); err != nil {
				return err
			}
			b.setNow(b.Now().AddDate(0, 0, 2))
			_, err := operator.Resume(b.t.Context(), s, id, operator.Shift, "", b.Now())
			return err // 2 January is a Saturday
		}, want: []string{"2027-01-04", "2027-02-02", "2027-03-02"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				id := b.onThe31st(tc.rule)
				s := operator.With(b.store, operator.Options{Rules: &billing.Rules{ChargeTime: morning}})
				require.NoError(b.t, tc.change(b, s, id))
				require.Equal(b.t, tc.want, b.dates(id))
			})
		})
	}
}
