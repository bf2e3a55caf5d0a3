package billing

import "context"

// WholeTrail reads every audit entry of a plan, in the order of writing, however many there are.
func WholeTrail(ctx context.Context, r Reader, plan PlanID) ([]AuditEntry, error) {
	return collect(EachAuditEntry(ctx, r, AuditFilter{Plan: plan}))
}

// AllConsents reads every consent that f selects, newest first, however many there are.
func AllConsents(ctx context.Context, r ConsentReader, f ConsentFilter) ([]Consent, error) {
	return collect(EachConsent(ctx, r, f))
}
