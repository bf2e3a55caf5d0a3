// Package calendar counts dates: days without a time zone, local times, intervals, and the rules
// that move a date to a business day. It knows no plans and reads no clock.
package calendar
