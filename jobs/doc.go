// Package jobs holds the asynq tasks that workers run: the queue, retries and timeout of each kind,
// and the mux that leads from a task to the package that does its work.
//
// A processor returns an error only if it could not record the outcome; asynq then runs the task
// again. Everything else is in the row that the task names. See package task for what a task is.
package jobs
