package app

import (
	"context"

	"tranche/internal/binding"
	"tranche/internal/catchup"
	"tranche/internal/clockguard"
	"tranche/internal/collect"
)

// permits are the checks of what a process may do now. Each rule has its own package.
type permits struct {
	times *clockguard.Guard
	guard *binding.Guard
	gate  *catchup.Gate // nil without the worker role
}

// ofTasks returns the checks that must pass before a task is carried out.
func (p permits) ofTasks() collect.Permits {
	return collect.Permits{TakePart: p.takePart, Act: p.act, Charge: p.charge, Suspect: p.guard.Suspect, OwnAccount: p.guard.Confirms}
}

// takePart returns why this process must not claim, handle or write anything.
func (p permits) takePart(ctx context.Context) error { return p.times.Check(ctx) }

// act returns why nothing may be done for this database: charges, events, notices, reminders,
// dunning and periodic jobs alike.
func (p permits) act(ctx context.Context) error { return p.guard.Check(ctx) }

// charge returns why charges wait although everything else continues.
func (p permits) charge(ctx context.Context) error { return p.gate.Check(ctx) }

// write returns why requests and webhooks are refused. A check without a result yet refuses
// nothing.
func (p permits) write() error {
	if err := p.times.Wrong(); err != nil {
		return err
	}
	return p.rightAccount()
}

// rightAccount returns an error if the key is known not to belong to the database's account.
func (p permits) rightAccount() error {
	if why := p.guard.Mismatch(); why != "" {
		return &binding.MismatchError{Why: why}
	}
	return nil
}
