package stripeevents

import (
	"fmt"

	"tranche/internal/billing"
)

// verdict is the result of handling an event.
type verdict struct {
	status billing.EventStatus
	reason string
	awaits string // see billing.Event.Awaits
}

// handled is the verdict of an event that our record follows now.
var handled = verdict{status: billing.EventHandled}

// ignored is the verdict of an event that changes nothing, with the reason.
func ignored(format string, args ...any) verdict {
	return verdict{status: billing.EventIgnored, reason: fmt.Sprintf(format, args...)}
}

// unknownYet ignores an event about an object that no plan has. awaits names the object: the event
// is handled again when the object becomes known, because Stripe's events come in any order, and
// plans are imported and adopted late.
func unknownYet(awaits, format string, args ...any) verdict {
	v := ignored(format, args...)
	v.awaits = awaits
	return v
}
