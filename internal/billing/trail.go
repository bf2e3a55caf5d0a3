package billing

import "context"

// WholeTrail reads all audit entries of a plan, in the order of writing.
func WholeTrail(ctx context.Context, r Reader, plan PlanID) ([]AuditEntry, error) {
	return collect(EachAuditEntry(ctx, r, AuditFilter{Plan: plan}))
}

// AllConsents reads all consents that f selects, newest first.
func AllConsents(ctx context.Context, r ConsentReader, f ConsentFilter) ([]Consent, error) {
	return collect(EachConsent(ctx, r, f))
}
