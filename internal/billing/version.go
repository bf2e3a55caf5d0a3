package billing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// PlanVersion is what was agreed of a plan from one moment on. The first is what was agreed when it
// was made; each change adds one, and none is ever changed.
type PlanVersion struct {
	PlanID  PlanID
	Number  int // from 1, without gaps
	At      time.Time
	Actor   Actor
	What    string // what was changed, in words
	Total   int64  // minor units, as Plan.Total was then
	Charges []byte // canonical JSON of []AgreedCharge
}

// AgreedCharge is one charge in a version: those that count then, by sequence. Canceled ones are
// not in it.
type AgreedCharge struct {
	Charge   ChargeID  `json:"charge"`
	Sequence int       `json:"sequence"`
	Amount   int64     `json:"amount"`          // minor units
	DueAt    time.Time `json:"due_at,omitzero"` // UTC; absent while it waits for the merchant's word
}

// Agreed writes the charges that count as canonical JSON: in the order of their sequence, times in
// UTC.
func Agreed(charges []Charge) ([]byte, error) {
	list := []AgreedCharge{}
	for _, c := range charges {
		if c.Status != ChargeCanceled {
			list = append(list, AgreedCharge{Charge: c.ID, Sequence: c.Sequence, Amount: c.Amount, DueAt: c.DueAt.UTC().Truncate(time.Millisecond)})
		}
	}
	slices.SortFunc(list, func(a, b AgreedCharge) int { return a.Sequence - b.Sequence })
	return json.Marshal(list)
}

// Agreement is what a change leads from or to.
type Agreement struct {
	Total   int64
	Charges []byte // see Agreed
}

// AgreementOf is what a plan and its charges say now.
func AgreementOf(p Plan, charges []Charge) (Agreement, error) {
	list, err := Agreed(charges)
	return Agreement{Total: p.Total, Charges: list}, err
}

// AddVersion writes what a plan is after a change as its next version. A plan that was never
// changed gets its first version too, from before: what was agreed when it was made. It is called
// under the plan's lock. The acting party of the context is its actor.
func AddVersion(ctx context.Context, tx Tx, p Plan, before, after Agreement, at time.Time, what string) error {
	last, err := tx.LastPlanVersion(ctx, p.ID)
	if errors.Is(err, ErrNotFound) {
		if last, err = firstVersion(ctx, tx, p, before); err != nil {
			return err
		}
		if err := tx.InsertPlanVersion(ctx, last); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return tx.InsertPlanVersion(ctx, PlanVersion{
		PlanID: p.ID, Number: last.Number + 1, At: at, Actor: PartyOf(ctx).Actor, What: what, Total: after.Total, Charges: after.Charges,
	})
}

// firstVersion is what was agreed when the plan was made, by the actor of the plan's first entry.
func firstVersion(ctx context.Context, r Reader, p Plan, a Agreement) (PlanVersion, error) {
	v := PlanVersion{PlanID: p.ID, Number: 1, At: p.CreatedAt, Actor: ActorUnknown, What: "agreed", Total: a.Total, Charges: a.Charges}
	trail, err := r.AuditTrail(ctx, AuditFilter{Plan: p.ID, Limit: 1})
	if len(trail) > 0 {
		v.Actor = trail[0].Actor
	}
	return v, err
}

// PlanVersions lists every version of a plan, oldest first. One that was never changed has its
// first version without a row. Errors: ErrNotFound.
func PlanVersions(ctx context.Context, r Reader, id PlanID) ([]PlanVersion, error) {
	p, err := r.Plan(ctx, id)
	if err != nil {
		return nil, err
	}
	var all []PlanVersion
	for {
		after := 0
		if len(all) > 0 {
			after = all[len(all)-1].Number
		}
		page, err := r.PlanVersions(ctx, id, after)
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); len(page) < MaxPage {
			break
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	charges, err := r.PlanCharges(ctx, id)
	if err != nil {
		return nil, err
	}
	now, err := AgreementOf(p, charges)
	if err != nil {
		return nil, err
	}
	first, err := firstVersion(ctx, r, p, now)
	return []PlanVersion{first}, err
}

// List reads the charges of the version.
func (v PlanVersion) List() ([]AgreedCharge, error) {
	var list []AgreedCharge
	if err := json.Unmarshal(v.Charges, &list); err != nil {
		return nil, fmt.Errorf("read version %d of plan %s: %w", v.Number, v.PlanID, err)
	}
	return list, nil
}
