package billing

import "context"

// WholeTrail reads every audit entry of a plan, in the order of writing, however many there are.
func WholeTrail(ctx context.Context, r Reader, plan PlanID) ([]AuditEntry, error) {
	var trail []AuditEntry
	for after := int64(0); ; {
		page, err := r.AuditTrail(ctx, AuditFilter{Plan: plan, After: after, Limit: MaxPage})
		trail = append(trail, page...)
		if err != nil || len(page) < MaxPage {
			return trail, err
		}
		after = page[len(page)-1].Seq
	}
}
