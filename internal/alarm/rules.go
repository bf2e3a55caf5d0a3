package alarm

import (
	"time"

	"tranche/internal/billing"
)

// Thresholds, in real time: people and networks do not get faster with a fast clock.
const (
	// overdueLeases is how many leases a row may be overdue. A lost task is enqueued again after one.
	// Two more cover a worker that died twice, and the rest a peak of charges that fall due
	// together.
	overdueLeases = 5
	// unknownFor is longer than the longest back-off between two sends of the same request (12.5
	// minutes with jitter).
	unknownFor = 15 * time.Minute
	// noticeFor is the same for mails, which have the same back-off.
	noticeFor = 15 * time.Minute
	// personFor is how long work that waits for a person raises an alarm. It covers a weekend and a
	// holiday, and ends the alarm of work that is left as it is on purpose. Lists still show it.
	personFor = 7 * 24 * time.Hour
	// strandedFor is how far back the query for charges without a next attempt goes: longer than any
	// dunning.
	strandedFor = 60 * 24 * time.Hour
	// strandedAfter allows for the transaction after a charge failed, which plans the next attempt.
	strandedAfter = time.Minute
	// overdueFor is how far back queries for overdue work go: practically without bound.
	overdueFor = 100 * 365 * 24 * time.Hour
	// failingFor is longer than a deployment of the endpoint and the first deliveries after it.
	failingFor = time.Hour
	// archivedFor is how long ago a task may have been given up to raise an alarm. Its row enqueues
	// another one, so an older task does not show a current fault.
	archivedFor = time.Hour
	// silentFor is three heartbeats, plus the time until another process takes over the periodic job
	// of one that died. Restarts raise no alarm.
	silentFor = 5 * time.Minute
)

// rule describes one kind of alarm: the query that finds it, and its texts.
type rule struct {
	name     string
	severity Severity
	kind     billing.BacklogKind
	from, to time.Duration // the window, back from now
	what, do string
}

// rules returns the alarms that rows of the database raise, critical ones first. They cover overdue
// work, including orphan rows: those whose task was lost and that no worker reclaimed.
func rules(lease time.Duration) []rule {
	late := overdueLeases * lease
	return []rule{
		{"charges_overdue", Critical, billing.BacklogOverdue, overdueFor, late,
			"charges fell due and were not attempted",
			"see that a scheduler and a worker run and reach Redis: tranche health --ready, tranche charge list --overdue. Many charges that fall due together take time because of Stripe's rate limit"},
		{"charges_unknown", Critical, billing.BacklogUnknown, overdueFor, max(unknownFor, late),
			"it is not known whether these charges were paid; the same request is sent again under its key",
			"see whether Stripe answers, and whether workers run; tranche charge show CHARGE has the last answer"},
		{"charges_stranded", Critical, billing.BacklogStranded, strandedFor, strandedAfter,
			"charges are owed, but no attempt is planned and the customer was not asked to pay",
			"tranche charge show CHARGE; then tranche charge retry CHARGE"},
		{"charges_deferred", Warning, billing.BacklogDeferred, overdueFor, late,
			"charges are due and deferred", "remove the reason; they are then charged automatically"},
		{"charges_refused", Warning, billing.BacklogRefused, overdueFor, 0,
			"charges fail for a reason that only you can fix, such as the amount or your account; customers are not notified, and deadlines are suspended",
			"fix the reason, then tranche charge retry CHARGE; tranche dunning explain CHARGE shows the reason"},
		{"events_unhandled", Warning, billing.BacklogEventsPending, overdueFor, late,
			"events from Stripe were not handled", "see that a worker runs; tranche event list --status pending has the last error"},
		{"events_failed", Warning, billing.BacklogEventsFailed, personFor, 0,
			"events from Stripe cannot be handled", "tranche event list --status failed; fix the reason, then tranche event retry EVENT"},
		{"notices_unsent", Warning, billing.BacklogNoticesPending, overdueFor, max(noticeFor, late),
			"mails to customers were not sent", "see whether the mail server answers: tranche doctor, tranche notice list --status pending"},
		{"notices_failed", Warning, billing.BacklogNoticesFailed, personFor, 0,
			"mails to customers can't be delivered", "tranche notice list --status failed; contact these customers in another way"},
		{"webhooks_unsent", Warning, billing.BacklogDeliveriesOverdue, overdueFor, max(noticeFor, late),
			"messages to your endpoints are due and were not sent", "see that a scheduler and a worker run and reach Redis: tranche health --ready"},
		{"webhooks_failed", Warning, billing.BacklogDeliveriesFailed, personFor, 0,
			"messages to your endpoints failed for days and are not sent again", "tranche delivery list --status failed; fix the receiver, then tranche delivery replay ID"},
		{"endpoints_failing", Warning, billing.BacklogEndpointsFailing, overdueFor, failingFor,
			"endpoints of yours accept no messages", "tranche delivery list --endpoint ID shows what they answer; messages are sent again for three days"},
		{"endpoints_disabled", Warning, billing.BacklogEndpointsDisabled, personFor, 0,
			"endpoints of yours were disabled, because they accepted nothing for five days or answered 410 Gone",
			"fix the receiver, then tranche endpoint enable ID, and tranche delivery replay --endpoint ID --since TIME; or tranche endpoint disable ID, to keep it disabled"},
	}
}

// alarm returns the fixed part of the alarm that the rule raises.
func (r rule) alarm() Alarm { return Alarm{Name: r.name, Severity: r.severity, What: r.what, Do: r.do} }

// silent returns the alarm for a missing heartbeat: no scheduler runs.
func silent() Alarm {
	return Alarm{
		Name: "scheduler_silent", Severity: Critical,
		What: "no scheduler has looked for due charges", Do: "start one: tranche serve --roles scheduler, or tranche serve",
	}
}

// givenUp returns the alarm for tasks that the queue gave up.
func givenUp() Alarm {
	return Alarm{
		Name: "tasks_archived", Severity: Warning,
		What: "tasks failed so often that the queue gave them up; they are enqueued again from their rows",
		Do:   "fix the reason; the tasks themselves need nothing",
	}
}

// QueueUnavailable returns the alarm of a process whose queue accepts no tasks.
func QueueUnavailable() Alarm {
	return Alarm{
		Name: "queue_unavailable", Severity: Critical,
		What: "the queue accepts no tasks: until it does, nothing is charged, handled or sent; nothing is lost",
		Do:   "see that Redis answers and has free memory; tranche doctor shows what it refuses",
	}
}

// queueDown returns QueueUnavailable with the reason.
func queueDown(why error) Alarm {
	a := QueueUnavailable()
	a.Count, a.Reason = 1, why.Error()
	return a
}

// Unchecked returns the alarm for a database that did not answer: other alarms are not known.
func Unchecked() Alarm {
	return Alarm{
		Name: "alarms_unchecked", Severity: Critical,
		What: "overdue work is not known, because the database is not answering",
		Do:   "see DATABASE_URL, and whether the server runs",
	}
}

// incident returns the alarm for an open incident, such as a double charge. It ends when the
// incident is closed.
func incident(r billing.IncidentRule) Alarm {
	a := Alarm{Name: string(r.Kind), Severity: Warning, What: r.What, Do: r.Remedy}
	if r.Critical {
		a.Severity = Critical
	}
	return a
}

// WrongClock returns the alarm of a process whose clock is wrong.
func WrongClock() Alarm {
	return Alarm{
		Name: "clock_wrong", Severity: Critical,
		What: "a process has stopped working, because its clock is wrong",
		Do:   "set the machine's clock by NTP; the process then resumes by itself",
	}
}

// WrongAccount returns the alarm of a process whose Stripe key does not belong to the database.
func WrongAccount() Alarm {
	return Alarm{
		Name: "account_wrong", Severity: Critical,
		What: "nothing is charged, handled or sent: the Stripe key and the database do not belong together",
		Do:   "set STRIPE_SECRET_KEY or DATABASE_URL to the right one, or run tranche bind if this is intended; tranche doctor shows details",
	}
}

// PermissionMissing returns the alarm of a process whose restricted Stripe key lacks a permission.
func PermissionMissing() Alarm {
	return Alarm{
		Name: "permission_missing", Severity: Critical,
		What: "Stripe refuses calls, because the restricted key lacks permissions; the work that needs them waits",
		Do:   "edit the key in Stripe's dashboard (Developers, API keys) and add the permissions; the work then resumes automatically. tranche doctor lists the missing permissions",
	}
}

// StripeUnauthorized returns the alarm of a process whose Stripe key Stripe rejects (401).
func StripeUnauthorized() Alarm {
	return Alarm{
		Name: "stripe_unauthorized", Severity: Critical,
		What: "Stripe rejects the key: nothing is charged or refunded, and no plan can be made; nothing is lost",
		Do:   "set STRIPE_SECRET_KEY to a valid key of the same account and restart; the work then resumes automatically. tranche doctor shows whether Stripe accepts a key",
	}
}

// ProxyUntrusted returns the alarm of a process behind a proxy that no setting names.
func ProxyUntrusted() Alarm {
	return Alarm{
		Name: "proxy_untrusted", Severity: Warning,
		What: "requests come through a proxy that TRANCHE_TRUSTED_PROXIES does not name: rate limits and the evidence of consent use the address of the proxy",
		Do:   "set TRANCHE_TRUSTED_PROXIES to the addresses of the proxies in front of the ingress, and have them set X-Forwarded-For",
	}
}

// EndpointsUnsigned returns the alarm of a process that sends messages and has no key for the
// secrets of some endpoints.
func EndpointsUnsigned() Alarm {
	return Alarm{
		Name: "endpoints_unsigned", Severity: Warning,
		What: "endpoints of yours receive no messages, because no key in TRANCHE_SECRET_KEY decrypts their secrets",
		Do:   "append the key that encrypted them to TRANCHE_SECRET_KEY, after a comma, then tranche secret reseal; if the key is lost, tranche endpoint rotate ID",
	}
}

// ChargesHeld returns the alarm of a process that waits until the database has caught up with
// Stripe.
func ChargesHeld() Alarm {
	return Alarm{
		Name: "charges_held", Severity: Critical,
		What: "no charge is made, because the database may lack payments that Stripe has",
		Do:   "see that Stripe answers and that a worker and a scheduler run; tranche restore-check shows the progress",
	}
}

// Known returns every kind of alarm, with a count of 0.
func Known() []Alarm {
	var known []Alarm
	for _, r := range rules(0) {
		known = append(known, r.alarm())
	}
	for _, r := range billing.IncidentRules() {
		known = append(known, incident(r))
	}
	return append(known, silent(), givenUp(), QueueUnavailable(), WrongClock(), WrongAccount(), PermissionMissing(), StripeUnauthorized(), ChargesHeld(), ProxyUntrusted(), EndpointsUnsigned())
}
