// Package alarm looks for what should have happened and did not: a charge nobody tried, an event nobody handled, a notice
// nobody sent, a scheduler that stands still. It asks the database, so that it does not depend on what it watches.
package alarm

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// Severity says who is to look, and how soon.
type Severity string

const (
	// Critical: money that is due is not collected, or nobody knows whether it was.
	Critical Severity = "critical"
	// Warning: something waits for a person, or for a service to come back.
	Warning Severity = "warning"
)

// Alarm is one kind of thing that did not happen.
type Alarm struct {
	Name     string    `json:"name"` // stable, for programs
	Severity Severity  `json:"severity"`
	Count    int       `json:"count"`
	Oldest   time.Time `json:"oldest,omitzero"`  // since when, on the clock of charges
	Reason   string    `json:"reason,omitempty"` // of the oldest
	IDs      []string  `json:"ids,omitempty"`    // the oldest few
	What     string    `json:"what"`             // what is wrong, in plain words
	Do       string    `json:"do"`               // what to do about it
}

// Store is the database, as far as alarms ask it.
type Store = billing.BacklogStore

// Checker finds out which alarms there are. It is safe for concurrent use.
type Checker interface {
	// Check returns the alarms that there are now, critical ones first. Errors: billing.ErrUnavailable.
	Check(ctx context.Context) ([]Alarm, error)
}
