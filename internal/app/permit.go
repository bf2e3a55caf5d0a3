package app

import (
	"context"
	"strings"

	"tranche/internal/alarm"
	"tranche/internal/binding"
	"tranche/internal/collect"
)

// permits returns the checks that must pass before a task is carried out. Each rule has its own
// package; this function joins them.
func (a *App) permits() collect.Permits {
	return collect.Permits{TakePart: a.mayTakePart, Act: a.mayAct, Charge: a.mayCharge, Suspect: a.guard.Suspect, OwnAccount: a.guard.Confirms}
}

// mayTakePart returns why this process must not claim, handle or write anything.
func (a *App) mayTakePart(ctx context.Context) error { return a.times.Check(ctx) }

// mayAct returns why nothing may be done for this database: charges, events, notices, reminders,
// dunning and periodic jobs alike.
func (a *App) mayAct(ctx context.Context) error { return a.guard.Check(ctx) }

// mayCharge returns why charges wait although everything else continues.
func (a *App) mayCharge(ctx context.Context) error { return a.gate.Check(ctx) }

// mayWrite returns why requests and webhooks are refused. A check without a result yet refuses
// nothing.
func (a *App) mayWrite() error {
	if err := a.times.Wrong(); err != nil {
		return err
	}
	return a.rightAccount()
}

// rightAccount returns an error if the key is known not to belong to the database's account.
func (a *App) rightAccount() error {
	if why := a.guard.Mismatch(); why != "" {
		return &binding.MismatchError{Why: why}
	}
	return nil
}

// accountAlarm is raised by this process while its key does not belong to the database's account.
func (a *App) accountAlarm(context.Context) *alarm.Alarm {
	why := a.guard.Mismatch()
	if why == "" {
		return nil
	}
	raised := alarm.WrongAccount()
	raised.Count, raised.Reason = 1, why
	return &raised
}

// permissionAlarm is raised by this process while Stripe reports missing permissions of its key.
func (a *App) permissionAlarm(context.Context) *alarm.Alarm {
	lacking := a.gateway.Lacking()
	if len(lacking) == 0 {
		return nil
	}
	raised := alarm.PermissionMissing()
	raised.Count, raised.Reason = len(lacking), strings.Join(lacking, ", ")
	return &raised
}

// keyAlarm is raised by this process while Stripe rejects its key.
func (a *App) keyAlarm(context.Context) *alarm.Alarm {
	why := a.gateway.Unauthorized()
	if why == "" {
		return nil
	}
	raised := alarm.StripeUnauthorized()
	raised.Count, raised.Reason = 1, why
	return &raised
}
