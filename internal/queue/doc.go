// Package queue hands tasks from those who find work to those who do it: billing.Queue on asynq and
// Redis. It is the only place that knows how to reach Redis.
//
// A task is a hint. Whoever runs it reads the row and decides, so a task may be lost, run twice or
// come late, and nothing is lost with the whole of Redis. That is why a Redis inside the process
// (Embedded) is enough for one machine.
package queue
