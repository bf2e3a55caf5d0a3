package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tranche/internal/alarm"
	"tranche/internal/catchup"
	"tranche/internal/queue"
	"tranche/internal/stripeevents"
	"tranche/internal/stripegw"
)

// heldFor is the real time after which charges that wait for a catch-up raise an alarm: a start
// takes a second or two.
const heldFor = time.Minute

// openGate makes the gate that holds charges back while the database may lack events that Stripe
// has.
func (a *App) openGate(ctx context.Context) error {
	lineage, err := a.store.Lineage(ctx)
	if err != nil {
		return err
	}
	witness, err := a.openWitness(lineage.Token)
	if err != nil {
		return err
	}
	a.gate = catchup.New(catchup.Config{
		Store: a.store, Record: stripegw.NewRecord(a.gateway, 0), Types: stripeevents.Types(), Witness: witness,
		Clock: a.clock, Log: a.log.With().Str("role", "worker").Logger(),
	})
	return nil
}

// openWitness opens the record outside the database: in Redis if there is one, else in a file next
// to the SQLite database. With PostgreSQL and the embedded queue there is none.
func (a *App) openWitness(token string) (catchup.Witness, error) {
	path, file := strings.CutPrefix(a.cfg.DatabaseURL, "sqlite:")
	switch {
	case !a.cfg.Embedded():
		recorder, err := queue.NewRecorder(a.redis, "witness:"+token, catchup.MaxMarks)
		if err != nil {
			return nil, err
		}
		a.opened.add("witness", recorder.Close)
		return catchup.RecordedWitness{Recorder: recorder}, nil
	case file:
		witness, err := catchup.OpenFile(path + "-witness")
		if err != nil {
			return nil, err
		}
		a.opened.add("witness", witness.Close)
		return witness, nil
	}
	return nil, nil
}

// heldAlarm is raised by a process that makes no charges because it is not caught up with Stripe's
// record.
func (a *App) heldAlarm(context.Context) *alarm.Alarm {
	if a.gate == nil {
		return nil
	}
	why, since := a.gate.Held()
	if why == "" || a.clock.Wall().Sub(since) < heldFor {
		return nil
	}
	raised := alarm.ChargesHeld()
	raised.Count, raised.Reason = 1, fmt.Sprintf("since %s: %s", since.UTC().Format(time.RFC3339), why)
	return &raised
}
