// Package forecast predicts the course of a plan. It runs the production planner, scheduler and
// worker on an in-memory copy of the plan, against a Stripe that answers by a script. It reads the
// real database and contacts nothing else.
package forecast
