package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings of the Tranche processes. The lease is short so that many leases expire during a run.
const (
	stripeTimeout = 2 * time.Second
	lease         = 4 * time.Second
	tick          = 200 * time.Millisecond
)

// paces are the simulated days per second that a seed chooses from. At the slowest, a restart takes
// less simulated time than Stripe remembers an idempotency key, so requests are sent again under
// their keys. At the others, the keys have expired and payments are looked up.
var paces = []float64{0.25, 0.5, 1, 2}

// settings are the settings of a run.
type settings struct {
	Seed       uint64
	Pace       float64 // simulated days per second
	FaultPhase time.Duration
	Settle     time.Duration
	Plans      int
	Binary     string
	Keep       bool
	Faults     []string // the kinds of fault to inject; empty for all

	// Always are rules of the simulator that stay in force; Shape changes an order before it is made;
	// Env are settings of Tranche. Tests that look for one kind of damage set them.
	Always []rule
	Shape  func(o *order)
	Env    []string
}

const (
	defaultSeconds = 300
	defaultSettle  = 240
	maxPlans       = 20_000 // bounds the length of a run
)

// readSettings reads the environment and fills in defaults.
func readSettings(env func(string) string) (settings, error) {
	s := settings{Binary: env("CHAOS_BINARY"), Keep: env("CHAOS_KEEP") == "1"}
	seconds, err := number(env, "CHAOS_SECONDS", defaultSeconds)
	if err != nil {
		return s, err
	}
	settle, err := number(env, "CHAOS_SETTLE", defaultSettle)
	if err != nil {
		return s, err
	}
	plans, err := number(env, "CHAOS_PLANS", seconds)
	if err != nil {
		return s, err
	}
	s.FaultPhase, s.Settle = time.Duration(seconds)*time.Second, time.Duration(settle)*time.Second
	s.Plans = min(plans, maxPlans)
	if s.Seed, err = seedOf(env("CHAOS_SEED")); err != nil {
		return s, err
	}
	if s.Pace, err = paceOf(env("CHAOS_PACE"), s.Seed); err != nil {
		return s, err
	}
	if s.Faults, err = faultsOf(env("CHAOS_FAULTS")); err != nil {
		return s, err
	}
	if s.Binary == "" {
		s.Binary = filepath.Join("bin", "tranche")
	}
	s.Binary, err = filepath.Abs(s.Binary)
	return s, err
}

// faultsOf parses a list of kinds of fault.
func faultsOf(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	known := actions(true)
	for _, k := range kinds {
		known = append(known, k.kind)
	}
	list := strings.Split(text, ",")
	for _, name := range list {
		if !slices.Contains(known, name) || name == stripeFault {
			return nil, fmt.Errorf("CHAOS_FAULTS: unknown kind of fault %q; known are %s", name, strings.Join(known, ", "))
		}
	}
	return list, nil
}

func number(env func(string) string, name string, fallback int) (int, error) {
	text := env(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s=%q is not a number above zero", name, text)
	}
	return n, nil
}

func seedOf(text string) (uint64, error) {
	if text == "" {
		return uint64(rand.Uint32()), nil //nolint:gosec // a seed is printed, and no secret
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("CHAOS_SEED=%q is not a whole number", text)
	}
	return seed, nil
}

func paceOf(text string, seed uint64) (float64, error) {
	if text == "" {
		return paces[stream(seed, "pace").IntN(len(paces))], nil
	}
	pace, err := strconv.ParseFloat(text, 64)
	if err != nil || pace < 0.001 || pace > 30 {
		return 0, fmt.Errorf("CHAOS_PACE=%q is not a number of days from 0.001 to 30", text)
	}
	return pace, nil
}

// stream returns a random source for one purpose, so that a change to one purpose leaves the others
// unchanged.
func stream(seed uint64, purpose string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(purpose))               // documented never to fail
	return rand.New(rand.NewPCG(seed, h.Sum64())) //nolint:gosec // chance that repeats is the point
}

// between draws a duration in [low, high).
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)+1))
}

// pick draws one of several values.
func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }
