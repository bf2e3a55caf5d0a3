package outbox

import (
	"context"
	"time"

	"tranche/internal/billing"
)

// laterNotices bounds how many later notices of a plan a notice is compared with.
const laterNotices = 50

// planState is the state of a plan that its notices are compared with.
type planState struct {
	noticeState
	newest []billing.Notice // of the plan, newest first
}

// at returns the state for one notice of the plan.
func (s planState) at(n billing.Notice) noticeState {
	state := s.noticeState
	for _, l := range s.newest {
		if l.CreatedAt.After(n.CreatedAt) && (l.Status == billing.NoticePending || l.Status == billing.NoticeSent || l.Status == billing.NoticeKept) {
			state.later = append(state.later, l)
		}
	}
	return state
}

// readPlanState reads the state of a plan by its id.
func readPlanState(ctx context.Context, tx billing.Tx, id billing.PlanID, now time.Time) (planState, error) {
	plan, err := tx.Plan(ctx, id)
	if err != nil {
		return planState{}, err
	}
	return stateOf(ctx, tx, plan, now)
}

// stateOf reads the state of a plan whose row was read before.
func stateOf(ctx context.Context, tx billing.Tx, plan billing.Plan, now time.Time) (planState, error) {
	s := planState{noticeState: noticeState{plan: plan, now: now}}
	var err error
	if s.charges, err = tx.PlanCharges(ctx, plan.ID); err != nil {
		return s, err
	}
	if plan.CardID != "" {
		if s.card, err = tx.Card(ctx, plan.CardID); err != nil {
			return s, err
		}
	}
	s.newest, err = tx.Notices(ctx, billing.NoticeFilter{Plan: plan.ID, Limit: laterNotices})
	return s, err
}
