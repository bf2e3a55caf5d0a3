package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/store"
)

// Verdicts of a check.
const (
	wellFound = "ok"
	warnFound = "warn"
	failFound = "fail"
)

// finding is what one check found.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warn or fail
	Found  string `json:"found"`
	Do     string `json:"do,omitempty"` // what to do about it; empty when nothing need be done

	down bool // it is a service that does not answer
}

// sickError is an examination that found something wrong.
type sickError struct{ wrong int }

// Error says how much is wrong.
func (e *sickError) Error() string {
	if e.wrong == 1 {
		return "one thing is wrong"
	}
	return fmt.Sprintf("%d things are wrong", e.wrong)
}

// doctorTimeout bounds each look at a service.
const doctorTimeout = 10 * time.Second

func (c *cli) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Look whether everything is as it should be, and say what to do", Args: noArgs,
		Long: `Check the settings, the database, Redis, the Stripe key and the account it belongs to, the webhook endpoint, the mail
server and the clock, and list the alarms: what should have happened by now and did not. Nothing is changed, charged or sent.

Exit code 0 when nothing is wrong, 1 when something is, 4 when a service is down.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e := &examination{cli: c}
			e.run(cmd.Context())
			if err := c.printFindings(e.findings); err != nil {
				return err
			}
			return verdict(e.findings)
		},
	}
}

func (c *cli) printFindings(findings []finding) error {
	if c.json {
		return c.printJSON(map[string]any{"findings": findings})
	}
	tab := newTable("CHECK", "", "FOUND", "DO")
	for _, f := range findings {
		tab.add(f.Check, f.Status, f.Found, f.Do)
	}
	tab.print(c.out)
	return nil
}

// verdict is the command's error: a service that is down goes before what is wrong.
func verdict(findings []finding) error {
	wrong, down := 0, false
	for _, f := range findings {
		if f.Status == failFound {
			wrong++
		}
		down = down || f.down
	}
	if wrong == 0 {
		return nil
	}
	err := error(&sickError{wrong})
	if down {
		err = fmt.Errorf("%w: %w", err, billing.ErrUnavailable)
	}
	return err
}

// examination is one run of the doctor.
type examination struct {
	*cli
	cfg      config.Config
	clock    clock.Clock
	store    *store.Store // nil when it can't be read
	findings []finding
}

func (e *examination) run(ctx context.Context) {
	e.settings()
	for _, check := range []func(context.Context){e.database, e.redis, e.stripe, e.mail, e.secrets, e.alarms, e.restores} {
		bounded, cancel := context.WithTimeout(ctx, doctorTimeout)
		check(bounded)
		cancel()
	}
	if e.store != nil {
		_ = e.store.Close() // it was only read
	}
}

func (e *examination) ok(check, found string, args ...any) {
	e.findings = append(e.findings, finding{Check: check, Status: wellFound, Found: fmt.Sprintf(found, args...)})
}

func (e *examination) warn(check, found, do string) {
	e.findings = append(e.findings, finding{Check: check, Status: warnFound, Found: found, Do: do})
}

func (e *examination) fail(check, found, do string) {
	e.findings = append(e.findings, finding{Check: check, Status: failFound, Found: found, Do: do})
}

// failed tells of an error; one of a service that does not answer is marked as such.
func (e *examination) failed(check string, err error, do string) {
	down := errors.Is(err, billing.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
	e.findings = append(e.findings, finding{Check: check, Status: failFound, Found: err.Error(), Do: do, down: down})
}

// settings tells every fault, and goes on with what could be read.
func (e *examination) settings() {
	var err error
	e.cfg, err = e.config(nil, config.NeedsServe)
	if faults, ok := errors.AsType[*config.Error](err); ok {
		for _, f := range faults.Faults {
			e.fail("settings", f.Setting+" "+f.Problem, f.Hint)
		}
	}
	if e.clock, err = clock.Parse(e.cfg.Clock); err != nil {
		e.clock = clock.Clock{} // the settings said why
	}
	if len(e.findings) == 0 {
		e.ok("settings", "all can be used; new customers are in %s and read %s where nothing else is said", cmp.Or(e.cfg.DefaultTimeZone, "UTC"), cmp.Or(e.cfg.DefaultLocale, "English"))
	}
	if e.cfg.Clock != "" {
		e.warn("settings", "the clock of charges is simulated: "+e.cfg.Clock, "leave TRANCHE_CLOCK unset in production")
	}
	for _, f := range e.cfg.Cleartext() {
		e.warn("transport", f.Setting+" "+f.Problem, f.Hint)
	}
	for _, f := range e.cfg.WeakKeys() {
		e.warn("keys", f.Setting+" "+f.Problem, f.Hint)
	}
	for _, f := range e.cfg.OpenAdmin() {
		e.warn("admin address", f.Setting+" "+f.Problem, f.Hint)
	}
	if e.cfg.BehindUnnamedProxy() {
		e.warn("proxies", "TRANCHE_BASE_URL is https, so a proxy stands in front, and TRANCHE_TRUSTED_PROXIES names none: "+
			"limits and the evidence of consent go by its address", "set TRANCHE_TRUSTED_PROXIES to the addresses of your proxies")
	}
	if e.cfg.SMTPURL == "" {
		e.warn("mail", "SMTP_URL is not set: mails are kept, not sent", "tranche notice list --full shows them")
	}
}
