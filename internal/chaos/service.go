package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// service is a process that is restarted whenever it ends, as an orchestrator does. It signals only
// processes that it started, by their own handle.
type service struct {
	name   string
	binary string
	args   []string
	env    []string
	uid    *syscall.Credential // nil: the user of the harness
	stop   os.Signal           // asks the process to end
	logs   string              // directory

	mu      sync.Mutex
	process *os.Process // nil while it is down
	held    time.Time   // not restarted before this time
	starts  int
	busy    bool     // a fault is in progress
	changed []string // override env
}

const (
	restartAfter = 300 * time.Millisecond
	endPatience  = 8 * time.Second
)

// run keeps the process alive until ctx ends, then stops it gracefully.
func (s *service) run(ctx context.Context) {
	log, err := os.OpenFile(filepath.Join(s.logs, s.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer func() { _ = log.Close() }()
	for ctx.Err() == nil {
		err := s.once(ctx, log)
		fmt.Fprintf(log, "chaos: %s %s ended: %v\n", wall().Format(time.RFC3339Nano), s.name, err)
		pause(ctx, restartAfter)
		for s.isHeld() && pause(ctx, restartAfter/10) {
		}
	}
}

// isHeld reports whether the process must stay down.
func (s *service) isHeld() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held.After(wall())
}

// longHold is longer than any action that is taken while a process is down.
const longHold = time.Hour

// whileDown ends the process by a signal, calls do while it is down, and lets it start again.
func (s *service) whileDown(ctx context.Context, sig os.Signal, do func() error) error {
	s.hold(wall().Add(longHold))
	defer s.hold(time.Time{})
	err := eventually(ctx, time.Minute, 20*time.Millisecond, func(context.Context) error {
		if s.signal(sig) == nil { // otherwise it is down
			return errors.New(s.name + " has not ended")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return do()
}

// once runs the process until it ends.
func (s *service) once(ctx context.Context, log *os.File) error {
	cmd := exec.CommandContext(ctx, s.binary, s.args...) //nolint:gosec // the binaries are those that the harness is to run
	s.mu.Lock()
	cmd.Env, cmd.Stdout, cmd.Stderr = append(slices.Clone(s.env), s.changed...), log, log // the last setting of a name applies
	s.mu.Unlock()
	// The process gets its own group: Ctrl-C in a terminal reaches only the harness, which stops the
	// services in order.
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

// signal sends a signal to the process if it is running.
func (s *service) signal(sig os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return errors.New(s.name + " is down")
	}
	return s.process.Signal(sig)
}

// end ends the process by a signal and keeps it down for a while.
func (s *service) end(sig os.Signal, down time.Duration) error {
	s.hold(wall().Add(down))
	return s.signal(sig)
}

// hold keeps the process down until a time; the zero time releases it.
func (s *service) hold(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = until
}

// take reserves the service for one fault. It returns false if another fault is in progress.
func (s *service) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		return false
	}
	s.busy = true
	return true
}

// release ends the reservation by take.
func (s *service) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
}

// started returns how often the process was started.
func (s *service) started() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts
}

// serviceGroup is a group of services that stop together.
type serviceGroup struct {
	cancel  context.CancelFunc
	ctx     context.Context //nolint:containedctx // it is the group's life, and ends with close
	running sync.WaitGroup
}

// newServiceGroup returns an empty group. It does not stop with ctx: groups are closed in order,
// databases last.
func newServiceGroup(ctx context.Context) *serviceGroup {
	h := &serviceGroup{}
	h.ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return h
}

// start starts a service and keeps it alive.
func (h *serviceGroup) start(s *service) { h.running.Go(func() { s.run(h.ctx) }) }

// close stops every service and waits until all have ended.
func (h *serviceGroup) close() {
	h.cancel()
	h.running.Wait()
}
