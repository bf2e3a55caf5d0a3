package app

import (
	"context"
	"strings"

	"tranche/config"
	"tranche/internal/catchup"
	"tranche/internal/queue"
	"tranche/internal/stripeevents"
	"tranche/internal/stripegw"
)

// openGate makes the gate that holds charges back while the database may lack events that Stripe
// has.
func (s *services) openGate(ctx context.Context) (*catchup.Gate, error) {
	lineage, err := s.store.Lineage(ctx)
	if err != nil {
		return nil, err
	}
	witness, err := s.openWitness(lineage.Token)
	if err != nil {
		return nil, err
	}
	return catchup.New(catchup.Config{
		Store: s.store, Record: stripegw.NewRecord(s.gateway, 0), Types: stripeevents.Types(), Witness: witness,
		Clock: s.clock, Log: s.roleLog(config.RoleWorker),
	}), nil
}

// openWitness opens the record outside the database: in Redis if there is one, else in a file next
// to the SQLite database. With PostgreSQL and the embedded queue there is none.
func (s *services) openWitness(token string) (catchup.Witness, error) {
	path, file := strings.CutPrefix(s.cfg.DatabaseURL, "sqlite:")
	switch {
	case !s.cfg.Embedded():
		recorder, err := queue.NewRecorder(s.redis, "witness:"+token, catchup.MaxMarks)
		if err != nil {
			return nil, err
		}
		s.opened.add("witness", recorder.Close)
		return catchup.RecordedWitness{Recorder: recorder}, nil
	case file:
		witness, err := catchup.OpenFile(path + "-witness")
		if err != nil {
			return nil, err
		}
		s.opened.add("witness", witness.Close)
		return witness, nil
	}
	return nil, nil
}
