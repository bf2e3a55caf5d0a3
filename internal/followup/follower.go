package followup

import "tranche/internal/planwork"

// Follower runs the steps of dunning that are due: reminder, final notice and deadline. It is safe
// for concurrent use.
type Follower struct{ *planwork.Work }

// New returns a Follower that changes plans by work.
func New(work *planwork.Work) *Follower { return &Follower{Work: work} }
