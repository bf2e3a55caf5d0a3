// Package jobs holds every task the workers run: handling a Stripe event, collecting a charge,
// retrying it, and sending a notice.
//
// A task is a hint. It carries an id and the lease it was made for; the processor reads the row and
// decides. So a task may be lost, late or doubled: the scheduler finds a lost one's row again, and
// a doubled one finds nothing to do. Processors return an error only when they could not record
// what became of the work; everything else is in the row.
package jobs
