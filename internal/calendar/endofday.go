package calendar

import "time"

// End returns the last millisecond of the date on clocks in loc. If clocks go back over midnight,
// it is the last millisecond that they show the date.
func (d Date) End(loc *time.Location) time.Time {
	return d.AddDays(1).At(LocalTime{}, loc).Add(-time.Millisecond)
}
