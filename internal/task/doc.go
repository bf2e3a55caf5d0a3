// Package task defines the tasks that workers run: the kinds, the payload, and the row that a task
// is for.
//
// A task is a hint. It carries the id of a row and the lease that the task was made for; the
// processor reads the row and decides. A task may therefore be lost, late or duplicated: the
// scheduler claims the row of a lost task again, and a duplicate finds nothing to do.
package task
