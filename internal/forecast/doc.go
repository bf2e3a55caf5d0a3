// Package forecast says what would become of a plan: it lives a copy of it through with the planner, scheduler and worker
// that do the real work, on a database in memory, against a Stripe that answers by a script. The real database is only
// read, and nothing else outside is reached.
package forecast
