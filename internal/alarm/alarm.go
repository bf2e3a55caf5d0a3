// Package alarm finds work that should have been done and was not: an overdue charge, an unhandled
// event, an unsent notice, a scheduler that stopped. It queries the database, so that it does not
// depend on the processes it watches.
package alarm

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// Severity is how soon an alarm needs attention.
type Severity string

const (
	// Critical: money that is due is not collected, or may not be.
	Critical Severity = "critical"
	// Warning: work waits for a person, or for a service that is down.
	Warning Severity = "warning"
)

// Alarm is one kind of overdue or failed work.
type Alarm struct {
	Name     string    `json:"name"` // stable, for programs
	Severity Severity  `json:"severity"`
	Count    int       `json:"count"`
	Oldest   time.Time `json:"oldest,omitzero"`  // since when, on the charges' clock
	Reason   string    `json:"reason,omitempty"` // of the oldest
	IDs      []string  `json:"ids,omitempty"`    // the oldest few
	What     string    `json:"what"`             // what is wrong, in plain words
	Do       string    `json:"do"`               // what to do about it
}

// Store is the part of the database that alarms query.
type Store = billing.BacklogStore

// Checker finds the current alarms. It is safe for concurrent use.
type Checker interface {
	// Check returns the current alarms, critical ones first. With an error it returns only those
	// that need no database. Errors: billing.ErrUnavailable.
	Check(ctx context.Context) ([]Alarm, error)
}
