package main

import (
	"context"
	"fmt"

	"tranche/internal/stripegw"
	"tranche/internal/stripekey"
)

// permissions reports the missing permissions of a restricted key. It changes nothing at Stripe.
func (e *examination) permissions(ctx context.Context, gateway *stripegw.Gateway) {
	const check = "permissions"
	if !gateway.Restricted() {
		return
	}
	granted := 0
	for _, p := range stripekey.Permissions() {
		found, err := gateway.Probe(ctx, p)
		switch {
		case found == stripegw.ProbedGranted:
			granted++
		case found == stripegw.ProbedMissing && p.Advisory:
			e.warn(check, missingText(p), stripekey.Remedy)
		case found == stripegw.ProbedMissing:
			e.fail(check, missingText(p), stripekey.Remedy)
		default:
			e.warn(check, fmt.Sprintf("permission %s can't be checked: %v", p, err), "compare the key in Stripe's dashboard with SECURITY.md")
		}
	}
	if granted == len(stripekey.Permissions()) {
		e.ok(check, "the restricted key has all %d required permissions", granted)
	}
}

func missingText(p stripekey.Permission) string {
	return fmt.Sprintf("the key lacks the permission %s; without it %s", p, p.Lost)
}
