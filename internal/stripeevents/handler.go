package stripeevents

import (
	"tranche/internal/billing"
	"tranche/internal/cards"
	"tranche/internal/collect"
	"tranche/internal/planning"
	"tranche/internal/planwork"
)

// Config holds what a Handler needs besides the unit of work.
type Config struct {
	Gateway billing.Gateway
	Cards   *cards.Keeper
	Collect *collect.Collector
	// Planner makes the plan of a payment whose metadata asks for one.
	Planner *planning.Planner
	// Tries bounds how many cards a customer may try.
	Tries billing.CardTryLimits
	// CustomerDeclined is called for each declined card that a customer entered. It may be nil.
	CustomerDeclined func()
}

// Handler handles Stripe's events. It is safe for concurrent use.
type Handler struct {
	*planwork.Work
	Config
}

// New returns a Handler that changes plans by work.
func New(work *planwork.Work, c Config) *Handler { return &Handler{Work: work, Config: c} }
