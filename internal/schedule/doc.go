// Package schedule counts the dates of a plan: due dates as a merchant writes them, schedules that
// dates continue, and recurrences. It knows no plan.
package schedule
