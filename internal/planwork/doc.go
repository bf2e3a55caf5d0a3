// Package planwork is the unit of work: one transaction on one plan, under the plan's lock.
//
// Work.Do locks the plan, reads its charges and its customer, lets the caller change them, brings
// the plan's status in line with its charges, schedules the next charge of a recurrence, and writes
// what changed together with audit entries, notices and a new version of the agreement. After the
// commit it enqueues the follow-up tasks. The methods of Tx are the changes that several callers
// make: each rule about them is written here and nowhere else.
package planwork
