// Package queue passes tasks from the processes that find work to the workers that do it: it
// implements billing.Queue with asynq and Redis. It is the only package that connects to Redis.
//
// A task is a hint. The worker that runs it reads the row and decides, so a task may be lost, run
// twice or come late, and even the loss of all of Redis loses no work. That is why a Redis inside
// the process (Embedded) is enough for one machine.
package queue
