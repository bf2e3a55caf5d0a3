package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// service is a process that is started again whenever it ends, as an orchestrator does. Only processes that it started
// itself are ever signalled, by their own handle.
type service struct {
	name   string
	binary string
	args   []string
	env    []string
	uid    *syscall.Credential // nil: the user of the harness
	stop   os.Signal           // asks it to end
	logs   string              // directory

	mu      sync.Mutex
	process *os.Process // nil while it is down
	held    time.Time   // it is not started again before
	starts  int
	busy    bool // a fault is under way on it
}

const (
	restartAfter = 300 * time.Millisecond
	endPatience  = 8 * time.Second
)

// run keeps the process alive until ctx ends, then lets it end in peace.
func (s *service) run(ctx context.Context) {
	log, err := os.OpenFile(filepath.Join(s.logs, s.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer func() { _ = log.Close() }()
	for ctx.Err() == nil {
		err := s.once(ctx, log)
		fmt.Fprintf(log, "chaos: %s %s ended: %v\n", wall().Format(time.RFC3339Nano), s.name, err)
		s.mu.Lock()
		wait := max(restartAfter, s.held.Sub(wall()))
		s.mu.Unlock()
		pause(ctx, wait)
	}
}

// once runs the process until it ends.
func (s *service) once(ctx context.Context, log *os.File) error {
	cmd := exec.CommandContext(ctx, s.binary, s.args...) //nolint:gosec // the binaries are those that the harness is to run
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, log, log
	// A group of its own: Ctrl-C in a terminal is for the harness, which ends the others in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.uid}
	cmd.Cancel = func() error {
		return errors.Join(cmd.Process.Signal(syscall.SIGCONT), cmd.Process.Signal(s.stop))
	}
	cmd.WaitDelay = endPatience
	if err := cmd.Start(); err != nil {
		return err
	}
	s.mu.Lock()
	s.process = cmd.Process
	s.starts++
	s.mu.Unlock()
	err := cmd.Wait()
	s.mu.Lock()
	s.process = nil
	s.mu.Unlock()
	return err
}

// signal sends a signal to the process, if it is up.
func (s *service) signal(sig os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return errors.New(s.name + " is down")
	}
	return s.process.Signal(sig)
}

// end makes the process end by a signal and stay down for a while.
func (s *service) end(sig os.Signal, down time.Duration) error {
	s.mu.Lock()
	s.held = wall().Add(down)
	s.mu.Unlock()
	return s.signal(sig)
}

// take reserves the service for one fault; false when another is under way.
func (s *service) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		return false
	}
	s.busy = true
	return true
}

// release ends what take began.
func (s *service) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
}

// started is how often the process was started.
func (s *service) started() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts
}

// household is a group of services that end together.
type household struct {
	cancel  context.CancelFunc
	ctx     context.Context //nolint:containedctx // it is the group's life, and ends with close
	running sync.WaitGroup
}

// newHousehold makes an empty group. It does not end with ctx: groups are closed in order, databases last.
func newHousehold(ctx context.Context) *household {
	h := &household{}
	h.ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return h
}

// start begins to keep a service alive.
func (h *household) start(s *service) { h.running.Go(func() { s.run(h.ctx) }) }

// close ends every service and waits until it is gone.
func (h *household) close() {
	h.cancel()
	h.running.Wait()
}
