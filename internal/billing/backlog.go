package billing

import (
	"context"
	"time"
)

// BacklogKind names one kind of work that did not happen.
type BacklogKind string

const (
	// BacklogOverdue are charges that should have been tried and say no reason why they were not.
	// To bounds the time of the attempt; a reason that was written at or after it counts, an older
	// one does not.
	BacklogOverdue BacklogKind = "overdue"
	// BacklogPutOff are charges that should have been tried and were put off again and again, with
	// the reason. To as above.
	BacklogPutOff BacklogKind = "put_off"
	// BacklogUnknown are charges with an attempt under way, or of unknown outcome. To bounds the
	// time of the attempt.
	BacklogUnknown BacklogKind = "unknown"
	// BacklogRefused are unpaid charges whose last failure only the merchant can fix. The window is of
	// Dunning.HeldAt.
	BacklogRefused BacklogKind = "refused"
	// BacklogStranded are unpaid charges of plans that collect, with no attempt planned and no
	// notice that asks the customer. The window is of their due time.
	BacklogStranded BacklogKind = "stranded"
	// BacklogEventsPending are events that were not handled. To bounds their receipt.
	BacklogEventsPending BacklogKind = "events_pending"
	// BacklogEventsFailed are events that can't be handled as they stand. The window is of their
	// receipt.
	BacklogEventsFailed BacklogKind = "events_failed"
	// BacklogNoticesPending are notices that were not sent. To bounds their making.
	BacklogNoticesPending BacklogKind = "notices_pending"
	// BacklogNoticesFailed are notices with an address that can't be delivered. The window is of
	// their making.
	BacklogNoticesFailed BacklogKind = "notices_failed"
	// BacklogDeliveriesOverdue are messages to endpoints that should have been tried. To bounds the
	// time of the try.
	BacklogDeliveriesOverdue BacklogKind = "deliveries_overdue"
	// BacklogDeliveriesFailed are messages that were given up although their endpoint is enabled.
	// The window is of their making.
	BacklogDeliveriesFailed BacklogKind = "deliveries_failed"
	// BacklogEndpointsFailing are enabled endpoints that take nothing. The window is of their first
	// failure.
	BacklogEndpointsFailing BacklogKind = "endpoints_failing"
	// BacklogEndpointsDisabled are endpoints that were disabled because they failed. The window is
	// of that moment.
	BacklogEndpointsDisabled BacklogKind = "endpoints_disabled"
)

// BacklogKinds lists every kind.
func BacklogKinds() []BacklogKind {
	return []BacklogKind{
		BacklogOverdue, BacklogPutOff, BacklogUnknown, BacklogRefused, BacklogStranded,
		BacklogEventsPending, BacklogEventsFailed, BacklogNoticesPending, BacklogNoticesFailed,
		BacklogDeliveriesOverdue, BacklogDeliveriesFailed, BacklogEndpointsFailing, BacklogEndpointsDisabled,
	}
}

// MaxBacklog is where counting ends: beyond it the number tells an operator nothing new, and the
// counting costs.
const MaxBacklog = 10_000

// Backlog is what was found of one kind, oldest first.
type Backlog struct {
	Count  int       // MaxBacklog means that or more
	Oldest time.Time // by the time that the kind's window is of; zero when there is none
	Reason string    // of the oldest, where it has one
	IDs    []string  // the first few
}

// BacklogStore finds what should have happened by now.
type BacklogStore interface {
	// Backlog looks for work of one kind whose time lies from from to to, both inclusive. Every
	// kind is found by an index.
	Backlog(ctx context.Context, kind BacklogKind, from, to time.Time) (Backlog, error)
	// IncidentBacklog groups the open incidents by kind, however old they are. It counts MaxBacklog
	// incidents at most, the oldest ones.
	IncidentBacklog(ctx context.Context) (map[IncidentKind]Backlog, error)
	// ChoreDone is how far a chore has come; zero before it was first finished. Errors: ErrNotFound
	// when it was never begun.
	ChoreDone(ctx context.Context, name string) (time.Time, error)
}
