package billing

import (
	"context"
	"time"
)

// BacklogKind is one kind of overdue or failed work.
type BacklogKind string

const (
	// BacklogOverdue are charges whose attempt is late without a recorded reason. To bounds the
	// time of the attempt; a reason that was recorded before the attempt was due does not count.
	BacklogOverdue BacklogKind = "overdue"
	// BacklogDeferred are charges whose attempt is late because it was deferred again and again, with
	// a recorded reason. To bounds the time of the attempt.
	BacklogDeferred BacklogKind = "deferred"
	// BacklogUnknown are charges with an attempt in flight, or one of unknown outcome. To bounds
	// the time of the attempt.
	BacklogUnknown BacklogKind = "unknown"
	// BacklogRefused are unpaid charges whose last failure only the merchant can fix. The window
	// applies to Dunning.HeldAt.
	BacklogRefused BacklogKind = "refused"
	// BacklogStranded are unpaid charges of collecting plans with no attempt planned and no notice
	// that asks the customer to pay. The window applies to the due time.
	BacklogStranded BacklogKind = "stranded"
	// BacklogEventsPending are events that are not handled yet. To bounds the time of receipt.
	BacklogEventsPending BacklogKind = "events_pending"
	// BacklogEventsFailed are events that can't be handled. The window applies to the time of
	// receipt.
	BacklogEventsFailed BacklogKind = "events_failed"
	// BacklogNoticesPending are notices that are not sent yet. To bounds the time of creation.
	BacklogNoticesPending BacklogKind = "notices_pending"
	// BacklogNoticesFailed are notices that have an address and can't be delivered. The window
	// applies to the time of creation.
	BacklogNoticesFailed BacklogKind = "notices_failed"
	// BacklogDeliveriesOverdue are messages to endpoints whose next try is late. To bounds the time
	// of the try.
	BacklogDeliveriesOverdue BacklogKind = "deliveries_overdue"
	// BacklogDeliveriesFailed are messages that were given up although their endpoint is enabled.
	// The window applies to the time of creation.
	BacklogDeliveriesFailed BacklogKind = "deliveries_failed"
	// BacklogEndpointsFailing are enabled endpoints that accept no messages. The window applies to
	// the first failure.
	BacklogEndpointsFailing BacklogKind = "endpoints_failing"
	// BacklogEndpointsDisabled are endpoints that were disabled because they failed. The window
	// applies to the time when they were disabled.
	BacklogEndpointsDisabled BacklogKind = "endpoints_disabled"
)

// BacklogKinds lists every kind.
func BacklogKinds() []BacklogKind {
	return []BacklogKind{
		BacklogOverdue, BacklogDeferred, BacklogUnknown, BacklogRefused, BacklogStranded,
		BacklogEventsPending, BacklogEventsFailed, BacklogNoticesPending, BacklogNoticesFailed,
		BacklogDeliveriesOverdue, BacklogDeliveriesFailed, BacklogEndpointsFailing, BacklogEndpointsDisabled,
	}
}

// MaxBacklog bounds the count: a higher number would help no operator, and counting is expensive.
const MaxBacklog = 10_000

// Backlog is the overdue or failed work of one kind.
type Backlog struct {
	Count  int       // MaxBacklog means that or more
	Oldest time.Time // the time that the kind's window applies to; zero when Count is 0
	Reason string    // recorded for the oldest; may be empty
	IDs    []string  // of the oldest few
}

// BacklogStore finds overdue and failed work.
type BacklogStore interface {
	// Backlog finds work of one kind whose time lies between from and to, both inclusive. Each kind
	// has an index for it.
	Backlog(ctx context.Context, kind BacklogKind, from, to time.Time) (Backlog, error)
	// IncidentBacklog groups the open incidents by kind, however old they are. It counts MaxBacklog
	// incidents at most, the oldest ones.
	IncidentBacklog(ctx context.Context) (map[IncidentKind]Backlog, error)
	// PeriodicJobDone returns how far a periodic job has come; zero before it first finished. Errors:
	// ErrNotFound when it never began.
	PeriodicJobDone(ctx context.Context, name string) (time.Time, error)
}
