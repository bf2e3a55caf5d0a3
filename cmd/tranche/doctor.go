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
	Do     string `json:"do,omitempty"` // the fix; empty if none is needed

	down bool // the check found a service that does not answer
}

// sickError is the result of an examination that found failures.
type sickError struct{ wrong int }

// Error returns the number of failures.
func (e *sickError) Error() string {
	if e.wrong == 1 {
		return "one check failed"
	}
	return fmt.Sprintf("%d checks failed", e.wrong)
}

// doctorTimeout bounds each check of a service.
const doctorTimeout = 10 * time.Second

func (c *cli) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check configuration, services and alarms, and suggest fixes", Args: noArgs,
		Long: `Check the settings, the database, Redis, the Stripe key and its account, the webhook endpoint, the mail server and the
clock, and list the alarms about anything that is late. Nothing is changed, charged or sent.

Exit code 0 if all checks pass, 1 if a check fails, 4 if a service is down.`,
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

// verdict returns the command's error. A service that is down takes precedence over other failures.
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
	store    *store.Store // nil if it can't be read
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

// failed reports an error, and marks an error of a service that does not answer.
func (e *examination) failed(check string, err error, do string) {
	down := errors.Is(err, billing.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
	e.findings = append(e.findings, finding{Check: check, Status: failFound, Found: err.Error(), Do: do, down: down})
}

// settings reports every fault of the settings. The examination continues with the settings that
// could be read.
func (e *examination) settings() {
	var err error
	e.cfg, err = e.config(nil, config.NeedsServe)
	if faults, ok := errors.AsType[*config.Error](err); ok {
		for _, f := range faults.Faults {
			e.fail("settings", f.Setting+" "+f.Problem, f.Hint)
		}
	}
	if e.clock, err = clock.Parse(e.cfg.Clock); err != nil {
		e.clock = clock.Clock{} // reported with the settings
	}
	if len(e.findings) == 0 {
		e.ok("settings", "valid; the default for new customers is time zone %s and language %s", cmp.Or(e.cfg.DefaultTimeZone, "UTC"), cmp.Or(e.cfg.DefaultLocale, "English"))
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
		e.warn("proxies", "TRANCHE_BASE_URL is https, so there is a proxy, but TRANCHE_TRUSTED_PROXIES is empty: "+
			"limits and the evidence of consent use the proxy's address", "set TRANCHE_TRUSTED_PROXIES to the addresses of your proxies")
	}
	if e.cfg.SMTPURL == "" {
		e.warn("mail", "SMTP_URL is not set: mails are stored, not sent", "tranche notice list --full shows them")
	}
}
