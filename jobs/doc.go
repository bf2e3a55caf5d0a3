// Package jobs holds every task that workers run: handling a Stripe event, collecting a charge,
// retrying a charge, sending a notice.
//
// A task is a hint. It carries the id of a row and the lease that the task was made for; the
// processor reads the row and decides. A task may therefore be lost, late or duplicated: the
// scheduler claims the row of a lost task again, and a duplicate finds nothing to do. A processor
// returns an error only if it could not record the outcome; everything else is in the row.
package jobs
