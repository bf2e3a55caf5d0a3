package billing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// PlanVersion is the agreement of a plan from one time on. The first version is the original
// agreement. Each change adds a version, and no version is ever changed.
type PlanVersion struct {
	PlanID  PlanID
	Number  int // from 1, without gaps
	At      time.Time
	Actor   Actor
	What    string // the change, in words
	Total   int64  // minor units, as Plan.Total was then
	Charges []byte // canonical JSON of []AgreedCharge
}

// AgreedCharge is one charge of a version. A version lists the charges that count at that time, by
// sequence, without canceled ones.
type AgreedCharge struct {
	Charge   ChargeID  `json:"charge"`
	Sequence int       `json:"sequence"`
	Amount   int64     `json:"amount"`          // minor units
	DueAt    time.Time `json:"due_at,omitzero"` // UTC; absent: due on request
}

// Agreed returns the charges that count as canonical JSON: by sequence, times in UTC.
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

// Agreement is the total and the charges before or after a change.
type Agreement struct {
	Total   int64
	Charges []byte // see Agreed
}

// AgreementOf returns the current agreement of a plan and its charges.
func AgreementOf(p Plan, charges []Charge) (Agreement, error) {
	list, err := Agreed(charges)
	return Agreement{Total: p.Total, Charges: list}, err
}

// AddVersion stores the agreement after a change as the plan's next version. If the plan was never
// changed, its first version is stored too, from before: the original agreement. AddVersion is
// called under the plan's lock. The actor is the acting party of the context.
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

// firstVersion returns the original agreement of a plan, by the actor of the plan's first audit
// entry.
func firstVersion(ctx context.Context, r Reader, p Plan, a Agreement) (PlanVersion, error) {
	v := PlanVersion{PlanID: p.ID, Number: 1, At: p.CreatedAt, Actor: ActorUnknown, What: "agreed", Total: a.Total, Charges: a.Charges}
	trail, err := r.AuditTrail(ctx, AuditFilter{Plan: p.ID, Limit: 1})
	if len(trail) > 0 {
		v.Actor = trail[0].Actor
	}
	return v, err
}

// PlanVersions lists every version of a plan, oldest first. The first version of a plan that was
// never changed is not stored; it is derived from the plan. Errors: ErrNotFound.
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

// List returns the charges of the version.
func (v PlanVersion) List() ([]AgreedCharge, error) {
	var list []AgreedCharge
	if err := json.Unmarshal(v.Charges, &list); err != nil {
		return nil, fmt.Errorf("read version %d of plan %s: %w", v.Number, v.PlanID, err)
	}
	return list, nil
}
