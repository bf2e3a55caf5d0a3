package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"tranche/internal/clock"
)

// Keys that the parties of a run share.
const (
	stripeKey     = "sk_test_chaos" // the shop's key
	restrictedKey = "rk_test_chaos" // Tranche's key: it has the documented permissions, and may not read its account
	webhookSecret = "whsec_chaos"
	apiKey        = "api-key-of-the-chaos-run-on-loopback" //nolint:gosec // it guards nothing but this run
)

// world is everything that runs: Tranche, its services, Stripe, and the shop with its customers.
type world struct {
	settings settings
	errOut   io.Writer
	dir      string // removed at the end
	binary   string // of Tranche's processes
	logs     string
	clock    clock.Clock
	env      []string // of Tranche's processes
	backfill bool     // missed events can be fetched
	steps    []step   // the fault plan

	below, middle, above *serviceGroup // databases; the simulator; Tranche

	postgres, redis                *service
	workers, schedulers, ingresses []*service
	addresses                      []string // of Tranche's processes
	redisPort                      string

	gate    *gate
	mail    *mailServer
	shop    *shop
	stripe  stripe
	foreign stripe // another account
	tranche tranche

	lost   []window // lost when the database was restored
	noteMu sync.Mutex
	diary  *os.File
}

// note writes a line to the run's log.
func (w *world) note(format string, args ...any) {
	w.noteMu.Lock()
	defer w.noteMu.Unlock()
	fmt.Fprintf(w.diary, "%s  %s  %s\n", wall().Format("15:04:05.000"), w.clock.Now().Format(time.DateTime), fmt.Sprintf(format, args...))
}

// newWorld starts everything and waits until it is ready. The caller must call close, also after an
// error.
func newWorld(ctx context.Context, s settings, errOut io.Writer) (*world, error) {
	w := &world{
		settings: s, errOut: errOut, binary: s.Binary, clock: clock.New(wall(), s.Pace*86400, nil),
		below: newServiceGroup(ctx), middle: newServiceGroup(ctx), above: newServiceGroup(ctx),
	}
	for _, start := range []func(context.Context) error{w.makeRoom, w.startServices, w.startStripe, w.openShop, w.startTranche} {
		if err := start(ctx); err != nil {
			return w, err
		}
	}
	return w, nil
}

// makeRoom creates the directories. PostgreSQL may run as another user, who needs access to its
// directory.
func (w *world) makeRoom(context.Context) error {
	_, err := exec.LookPath(w.settings.Binary)
	if err != nil {
		return fmt.Errorf("no binary to run (make build, or CHAOS_BINARY): %w", err)
	}
	if w.dir, err = os.MkdirTemp("", "tranche-chaos-"); err != nil {
		return err
	}
	w.logs = filepath.Join(w.dir, "logs")
	if err := os.Chmod(w.dir, 0o711); err != nil { //nolint:gosec // the data directory in it is closed
		return err
	}
	if err := os.Mkdir(w.logs, 0o700); err != nil {
		return err
	}
	w.diary, err = os.Create(filepath.Join(w.logs, "chaos.log"))
	return err
}

func (w *world) startServices(ctx context.Context) error {
	numbers := &ports{taken: map[int]bool{}}
	list, err := numbers.some(ctx, 8)
	if err != nil {
		return err
	}
	postgresPort := list[0]
	w.redisPort = list[1]
	for _, port := range list[2:] {
		w.addresses = append(w.addresses, "127.0.0.1:"+port)
	}
	if w.postgres, err = newPostgres(ctx, w.dir, w.logs, postgresPort); err != nil {
		return err
	}
	if w.redis, err = newRedis(w.dir, w.logs, w.redisPort); err != nil {
		return err
	}
	w.below.start(w.postgres)
	w.below.start(w.redis)
	w.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "TRANCHE_CLOCK=" + w.clock.String(), "TRANCHE_CHECKOUT_DAYS=0",
		"DATABASE_URL=postgres://postgres@127.0.0.1:" + postgresPort + "/postgres?sslmode=disable", "TRANCHE_DATABASE_CONNECTIONS=12",
		"REDIS_URL=redis://127.0.0.1:" + w.redisPort + "/0",
		"STRIPE_SECRET_KEY=" + restrictedKey, "STRIPE_WEBHOOK_SECRET=" + webhookSecret, "TRANCHE_API_KEY=" + apiKey,
		"STRIPE_TIMEOUT=" + stripeTimeout.String(), "STRIPE_READ_RATE=200", "STRIPE_WRITE_RATE=200", "TRANCHE_LEASE=" + lease.String(), "TRANCHE_TICK=" + tick.String(),
		"TRANCHE_CHARGE_CONCURRENCY=8", "TRANCHE_EVENT_CONCURRENCY=8", "TRANCHE_SHUTDOWN_TIMEOUT=5s", "TRANCHE_LOG_LEVEL=debug", "TRANCHE_ADMIN_ADDR=off",
		"TRANCHE_MAIL_FROM=Shop <billing@shop.example>", "TRANCHE_RETURN_URL=" + returnURL,
	}
	w.env = append(w.env, w.settings.Env...)
	return errors.Join(postgresReady(ctx, postgresPort), redisReady(ctx, w.redisPort))
}

func (w *world) startStripe(ctx context.Context) error {
	var err error
	if w.gate, err = newGate(ctx, w.addresses[4:]); err != nil {
		return err
	}
	port, err := (&ports{taken: map[int]bool{}}).next(ctx)
	if err != nil {
		return err
	}
	address := "127.0.0.1:" + port
	w.env = append(w.env, "STRIPE_API_BASE=http://"+address)
	w.middle.start(w.simulator("stripe-sim", address, w.settings.Seed, "--webhook-url", w.gate.URL+"/webhooks/stripe", "--webhook-secret", webhookSecret))
	if err := w.startForeign(ctx); err != nil {
		return err
	}
	w.stripe, w.tranche = newStripe("http://"+address), newTranche(w.gate.URL)
	return eventually(ctx, 30*time.Second, 100*time.Millisecond, func(ctx context.Context) error { return w.stripe.setRules(ctx, nil) })
}

// simulator returns the service of a Stripe account.
func (w *world) simulator(name, address string, seed uint64, args ...string) *service {
	return &service{
		name: name, binary: w.settings.Binary, env: w.env, stop: syscall.SIGTERM, logs: w.logs,
		args: append([]string{
			"stripe-sim", "--addr", address, "--seed", strconv.FormatUint(seed, 10), "--restricted-key", restrictedKey,
		}, args...),
	}
}

func (w *world) openShop(ctx context.Context) error {
	w.shop = newShop(w.tranche, w.stripe, newBrowser(w.stripe.base), w.clock, w.note)
	var err error
	w.mail, err = newMailServer(ctx, stream(w.settings.Seed, "mail"), w.shop.arrive)
	if err == nil {
		w.env = append(w.env, "SMTP_URL=smtp://"+w.mail.Addr+"?tls=none")
	}
	return err
}

func (w *world) startTranche(ctx context.Context) error {
	if out, err := w.command(ctx, "event", "--help"); err == nil {
		w.backfill = bytes.Contains(out, []byte("backfill"))
	}
	w.steps = planFaults(w.settings.Seed, w.settings.FaultPhase, w.settings.Pace, w.backfill, w.settings.Faults...)
	if err := w.steppable(ctx, w.steps); err != nil {
		return err
	}
	for i, address := range w.addresses {
		role := []string{"worker", "scheduler", "ingress"}[i/2]
		s := &service{
			name: role + "-" + strconv.Itoa(i%2+1), binary: w.binary, stop: syscall.SIGTERM, logs: w.logs,
			args: []string{"serve", "--roles", role, "--addr", address},
		}
		s.env = append(slices.Clone(w.env), "CHAOS_CLOCK_FILE="+w.clockFile(s))
		switch role {
		case "worker":
			w.workers = append(w.workers, s)
		case "scheduler":
			w.schedulers = append(w.schedulers, s)
		default:
			w.ingresses = append(w.ingresses, s)
		}
		w.above.start(s)
	}
	return eventually(ctx, time.Minute, 200*time.Millisecond, w.ready)
}

// ready returns nil if every process of Tranche reports that it is ready.
func (w *world) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	for _, address := range w.addresses {
		if err := newClient("http://"+address, nil).call(ctx, http.MethodGet, "/readyz", nil, nil, nil); err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
	}
	return nil
}

// command runs a command of Tranche, as an operator does, and returns its output.
func (w *world) command(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.settings.Binary, args...) //nolint:gosec // the binary is the one that is to be tried
	var said bytes.Buffer
	cmd.Env, cmd.Stderr = w.env, &said
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("tranche %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return out, nil
}

// close stops everything in order: Tranche, Stripe, the mail server, the databases.
func (w *world) close() {
	w.above.close()
	w.middle.close()
	if w.gate != nil {
		w.gate.close()
	}
	if w.mail != nil {
		w.mail.close()
	}
	w.below.close()
	if w.diary != nil {
		_ = w.diary.Close()
	}
}

// remove deletes the files of the run, or all but the logs.
func (w *world) remove(keepLogs bool) error {
	if w.dir == "" {
		return nil
	}
	if !keepLogs {
		return os.RemoveAll(w.dir)
	}
	return errors.Join(os.RemoveAll(filepath.Join(w.dir, "postgres")), os.RemoveAll(filepath.Join(w.dir, "postgres-copy")), os.RemoveAll(filepath.Join(w.dir, "redis")))
}
