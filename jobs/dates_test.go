package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/operator"
	"tranche/internal/terms"
)

// onThe31st is a plan of three months that begins on 31 December, a Thursday.
func (b *bench) onThe31st(rule calendar.BusinessDay) billing.PlanID {
	b.t.Helper()
	p := b.begins(terms.Terms{
		Kind: billing.KindInstallments, Currency: "usd", Total: 30000, Parts: 3, Every: "1 month", Starts: "2026-12-31", BusinessDay: rule,
	})
	return p.Plan.ID
}

// dates lists the due days of the plan's charges that count.
func (b *bench) dates(id billing.PlanID) []string {
	b.t.Helper()
	var list []string
	loc := billing.LoadLocation("Europe/London")
	for _, c := range b.Details(id).Charges {
		if !c.Dropped {
			list = append(list, c.DueAt.In(loc).Format(time.DateOnly))
		}
	}
	return list
}

func TestChangedDates_KeepTheAnchorDay(t *testing.T) {
	for name, tc := range map[string]struct {
		rule   calendar.BusinessDay
		change func(b *bench, o *operator.Operator, id billing.PlanID) error
		want   []string
	}{
		"extend": {change: func(b *bench, o *operator.Operator, id billing.PlanID) error {
			_, err := o.Extend(b.t.Context(), id, operator.ExtendInput{Parts: 2})
			return err
		}, want: []string{"2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"}},
		"extend twice": {change: func(b *bench, o *operator.Operator, id billing.PlanID) error {
			for range 2 {
				if _, err := o.Extend(b.t.Context(), id, operator.ExtendInput{Parts: 1, Every: "1 month"}); err != nil {
					return err
				}
			}
			return nil
		}, want: []string{"2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"}},
		"extend off weekends": {rule: calendar.BusinessDayFollowing, change: func(b *bench, o *operator.Operator, id billing.PlanID) error {
			_, err := o.Extend(b.t.Context(), id, operator.ExtendInput{Parts: 3})
			return err
		}, want: []string{"2026-12-31", "2027-02-01", "2027-03-01", "2027-03-31", "2027-04-30", "2027-05-31"}},
		"skip to the end": {change: func(b *bench, o *operator.Operator, id billing.PlanID) error {
			_, err := o.SkipToEnd(b.t.Context(), b.Charge(id, 2).ID, "", "")
			return err
		}, want: []string{"2026-12-31", "2027-02-28", "2027-03-31"}},
		"extend after a move": {change: func(b *bench, o *operator.Operator, id billing.PlanID) error {
			if _, err := o.Move(b.t.Context(), b.Charge(id, 3).ID, "2027-03-10"); err != nil {
				return err
			}
			_, err := o.Extend(b.t.Context(), id, operator.ExtendInput{Parts: 1})
			return err
		}, want: []string{"2026-12-31", "2027-01-31", "2027-03-10", "2027-03-31"}},
		"extend after a payment ahead of time": {change: func(b *bench, o *operator.Operator, id billing.PlanID) error {
			b.SetNow(time.Date(2027, 2, 5, 12, 0, 0, 0, time.UTC))
			b.Settle()
			b.SetNow(time.Date(2027, 2, 7, 12, 0, 0, 0, time.UTC))
			b.Settle()
			if _, err := o.Pay(b.t.Context(), b.Charge(id, 3).ID); err != nil {
				return err
			}
			_, err := o.Extend(b.t.Context(), id, operator.ExtendInput{Parts: 1})
			return err
		}, want: []string{"2026-12-31", "2027-01-31", "2027-02-07", "2027-03-31"}},
		"move, split and fee off weekends": {rule: calendar.BusinessDayFollowing, change: func(b *bench, o *operator.Operator, id billing.PlanID) error {
			if _, err := o.Move(b.t.Context(), b.Charge(id, 3).ID, "2027-05-01"); err != nil { // Saturday
				return err
			}
			if _, err := o.Split(b.t.Context(), b.Charge(id, 2).ID, 5000, "2027-02-13"); err != nil { // Saturday
				return err
			}
			_, err := o.AddFee(b.t.Context(), id, 700, "2027-02-20", "") // Saturday
			return err
		}, want: []string{"2026-12-31", "2027-02-01", "2027-02-15", "2027-02-22", "2027-05-03"}},
		"resume with shift off weekends": {rule: calendar.BusinessDayFollowing, change: func(b *bench, o *operator.Operator, id billing.PlanID) error {
			if _, err := o.Pause(b.t.Context(), id, ""); err != nil {
				return err
			}
			b.SetNow(b.Now().AddDate(0, 0, 2))
			_, err := o.Resume(b.t.Context(), id, operator.Shift, "")
			return err // 2 January is a Saturday
		}, want: []string{"2027-01-04", "2027-02-02", "2027-03-02"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(b *bench) {
				id := b.onThe31st(tc.rule)
				o := operator.New(b.Store, b.Now, billing.Rules{ChargeTime: morning})
				require.NoError(b.t, tc.change(b, o, id))
				require.Equal(b.t, tc.want, b.dates(id))
			})
		})
	}
}
