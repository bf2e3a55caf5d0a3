package alarm

import (
	"time"

	"tranche/internal/billing"
)

// Thresholds, in real time: people and networks do not get faster when the clock of charges does.
const (
	// overdueLeases is how many leases a row may be overdue. A lost task comes back after one; two more are a worker that
	// died twice, and the rest is slack for a wave of charges that fall due together.
	overdueLeases = 5
	// unknownFor outlasts the longest back-off between two tries at the same request (12.5 minutes with jitter).
	unknownFor = 15 * time.Minute
	// noticeFor is the same for mails, which back off the same way.
	noticeFor = 15 * time.Minute
	// personFor is how long something that waits for a person is called out; it can still be listed after that. Somebody is
	// back at work within it, and what nobody wants to touch does not ring for ever.
	personFor = 7 * 24 * time.Hour
	// strandedFor bounds how far back charges with nothing planned are looked for: longer than any dunning takes.
	strandedFor = 60 * 24 * time.Hour
	// strandedAfter lets the transaction that ends a charge and the one that follows it both be seen.
	strandedAfter = time.Minute
	// overdueFor is how far back overdue work is looked for: without bound, as far as durations go.
	overdueFor = 100 * 365 * 24 * time.Hour
	// failingFor outlasts an endpoint's own deployment, and the first tries after it.
	failingFor = time.Hour
	// archivedFor is how recently a task was given up. Its row brings it back, so an older one says nothing of today.
	archivedFor = time.Hour
	// silentFor is three beats and what a chore of a process that died waits for another: restarts ring for nobody.
	silentFor = 5 * time.Minute
)

// rule is how one kind of alarm is found and told.
type rule struct {
	name     string
	severity Severity
	kind     billing.BacklogKind
	from, to time.Duration // the window, back from now
	what, do string
}

// rules are the alarms that rows of the database raise, critical ones first.
func rules(lease time.Duration) []rule {
	late := overdueLeases * lease
	return []rule{
		{"charges_overdue", Critical, billing.BacklogOverdue, overdueFor, late,
			"charges fell due and nobody tried them",
			"see that a scheduler and a worker run and reach Redis: tranche health --ready, tranche charge list --overdue. Many that fell due together take their time at Stripe's rate"},
		{"charges_unknown", Critical, billing.BacklogUnknown, overdueFor, max(unknownFor, late),
			"it is not known whether these charges were paid; the same request is sent again under its key",
			"see whether Stripe answers, and whether workers run; tranche charge show CHARGE has the last answer"},
		{"charges_stranded", Critical, billing.BacklogStranded, strandedFor, strandedAfter,
			"charges are owed, with no attempt planned, and the customer was not asked",
			"tranche charge show CHARGE; then tranche charge retry CHARGE"},
		{"charges_put_off", Warning, billing.BacklogPutOff, overdueFor, late,
			"charges are due and put off", "remove the reason; they are then charged by themselves"},
		{"charges_refused", Warning, billing.BacklogRefused, personFor, 0,
			"Stripe refused the request itself: the fault is the account's or ours, and the customer can't mend it",
			"mend the reason, then tranche charge retry CHARGE"},
		{"events_unhandled", Warning, billing.BacklogEventsPending, overdueFor, late,
			"events from Stripe were not handled", "see that a worker runs; tranche event list --status pending has the last error"},
		{"events_failed", Warning, billing.BacklogEventsFailed, personFor, 0,
			"events from Stripe can't be handled as they stand", "tranche event list --status failed; mend the reason, then tranche event retry EVENT"},
		{"notices_unsent", Warning, billing.BacklogNoticesPending, overdueFor, max(noticeFor, late),
			"mails to customers were not sent", "see whether the mail server answers: tranche doctor, tranche notice list --status pending"},
		{"notices_failed", Warning, billing.BacklogNoticesFailed, personFor, 0,
			"mails to customers can't be delivered", "tranche notice list --status failed; tell these customers another way"},
		{"webhooks_unsent", Warning, billing.BacklogDeliveriesOverdue, overdueFor, max(noticeFor, late),
			"messages to your endpoints are due and nobody tried to send them", "see that a scheduler and a worker run and reach Redis: tranche health --ready"},
		{"webhooks_failed", Warning, billing.BacklogDeliveriesFailed, personFor, 0,
			"messages to your endpoints were given up after days", "tranche delivery list --status failed; mend the receiver, then tranche delivery replay ID"},
		{"endpoints_failing", Warning, billing.BacklogEndpointsFailing, overdueFor, failingFor,
			"endpoints of yours take no message", "tranche delivery list --endpoint ID says what they answer; messages are tried again for three days"},
		{"endpoints_disabled", Warning, billing.BacklogEndpointsDisabled, personFor, 0,
			"endpoints of yours were disabled, because they took nothing for five days or answered 410 Gone",
			"mend the receiver, then tranche endpoint enable ID, and tranche delivery replay --endpoint ID --since TIME; or tranche endpoint disable ID, to leave it so"},
	}
}

// alarm is what the rule raises, as far as it is always the same.
func (r rule) alarm() Alarm { return Alarm{Name: r.name, Severity: r.severity, What: r.what, Do: r.do} }

// silent is raised when no scheduler beats.
func silent() Alarm {
	return Alarm{
		Name: "scheduler_silent", Severity: Critical,
		What: "no scheduler has looked at the calendar", Do: "start one: tranche serve --roles scheduler, or tranche serve",
	}
}

// givenUp is raised when the queue gives tasks up.
func givenUp() Alarm {
	return Alarm{
		Name: "tasks_archived", Severity: Warning,
		What: "tasks failed so often that the queue gave them up; their rows bring them back",
		Do:   "mend the reason; nothing need be done about the tasks",
	}
}

// Known lists every alarm there can be, with nothing counted.
func Known() []Alarm {
	var known []Alarm
	for _, r := range rules(0) {
		known = append(known, r.alarm())
	}
	return append(known, silent(), givenUp())
}
