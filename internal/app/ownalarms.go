package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tranche/config"
	"tranche/handlers"
	"tranche/internal/alarm"
	"tranche/internal/catchup"
)

// heldFor is the real time after which charges that wait for a catch-up raise an alarm: a start
// takes a second or two.
const heldFor = time.Minute

// ownAlarms are the alarms that a process raises about itself. The database knows nothing of them.
type ownAlarms struct {
	*services
	gate    *catchup.Gate    // nil without the worker role
	surface *handlers.Server // nil while the process is being built
}

// all returns the functions that check the alarms.
func (o *ownAlarms) all() []func(context.Context) *alarm.Alarm {
	return []func(context.Context) *alarm.Alarm{
		o.clockAlarm, o.accountAlarm, o.permissionAlarm, o.keyAlarm, o.heldAlarm, o.proxyAlarm, o.unsignedAlarm,
	}
}

// raise returns an alarm with its count and reason; nil if there is no reason to raise it.
func raise(a alarm.Alarm, count int, why string) *alarm.Alarm {
	if why == "" {
		return nil
	}
	a.Count, a.Reason = count, why
	return &a
}

// clockAlarm is raised by this process while its own clock is wrong.
func (o *ownAlarms) clockAlarm(context.Context) *alarm.Alarm {
	err := o.times.Wrong()
	if err == nil {
		return nil
	}
	return raise(alarm.WrongClock(), 1, err.Error())
}

// accountAlarm is raised by this process while its key does not belong to the database's account.
func (o *ownAlarms) accountAlarm(context.Context) *alarm.Alarm {
	return raise(alarm.WrongAccount(), 1, o.guard.Mismatch())
}

// permissionAlarm is raised by this process while Stripe reports missing permissions of its key.
func (o *ownAlarms) permissionAlarm(context.Context) *alarm.Alarm {
	lacking := o.gateway.Lacking()
	return raise(alarm.PermissionMissing(), len(lacking), strings.Join(lacking, ", "))
}

// keyAlarm is raised by this process while Stripe rejects its key.
func (o *ownAlarms) keyAlarm(context.Context) *alarm.Alarm {
	return raise(alarm.StripeUnauthorized(), 1, o.gateway.Unauthorized())
}

// heldAlarm is raised by a process that makes no charges because it is not caught up with Stripe's
// record.
func (o *ownAlarms) heldAlarm(context.Context) *alarm.Alarm {
	if o.gate == nil {
		return nil
	}
	why, since := o.gate.Held()
	if why == "" || o.clock.Wall().Sub(since) < heldFor {
		return nil
	}
	return raise(alarm.ChargesHeld(), 1, fmt.Sprintf("since %s: %s", since.UTC().Format(time.RFC3339), why))
}

// proxyAlarm is raised by a process that is reached through a proxy which it does not trust.
func (o *ownAlarms) proxyAlarm(context.Context) *alarm.Alarm {
	if o.surface == nil { // the process is still being built
		return nil
	}
	peer := o.surface.UntrustedProxy()
	if peer == "" {
		return nil
	}
	return raise(alarm.ProxyUntrusted(), 1, "requests from "+peer+" have X-Forwarded-For or Forwarded")
}

// unsignedAlarm is raised by a worker that cannot sign the messages to an endpoint.
func (o *ownAlarms) unsignedAlarm(ctx context.Context) *alarm.Alarm {
	if !o.cfg.Has(config.RoleWorker) {
		return nil
	}
	endpoints, err := NewEndpoints(o.cfg, o.store, o.clock)
	if err != nil {
		return nil // no sender could be made either: the process did not start
	}
	sealed, err := endpoints.Sealed(ctx)
	if err != nil || len(sealed.Silent) == 0 {
		return nil // a database that is down has an alarm of its own
	}
	raised := alarm.EndpointsUnsigned()
	raised.Count = len(sealed.Silent)
	for _, e := range sealed.Silent {
		raised.IDs = append(raised.IDs, string(e.ID))
	}
	return &raised
}
