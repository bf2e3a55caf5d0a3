package billing

import "time"

// End is the last millisecond of the date, as clocks in loc show it. Where clocks go back over
// midnight, it is the end of the second showing.
func (d Date) End(loc *time.Location) time.Time {
	return d.AddDays(1).At(LocalTime{}, loc).Add(-time.Millisecond)
}
