package config

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Config is every setting, with defaults filled in. Settings describes the purpose of each.
type Config struct {
	StripeSecretKey      string        // sk_… or rk_…
	StripePublishableKey string        // pk_…; may be empty
	StripeWebhookSecrets []string      // whsec_…, several during a rotation
	StripeAPIBase        string        // empty means Stripe's own
	StripeJSURL          string        // the URL that pages load Stripe.js from
	StripeTimeout        time.Duration // for one call to Stripe
	StripeReadRate       int           // read requests per second across all processes; 0 means the default of StripeRates
	StripeWriteRate      int           // write requests per second, likewise

	DatabaseURL         string // sqlite:PATH or postgres://…
	DatabaseConnections int    // maximum connections of this process
	RedisURL            string // empty means the embedded queue

	Addr       string   // host:port to listen on
	AdminAddr  string   // host:port of metrics and details of readiness, or Off
	BaseURL    string   // the public URL of Tranche; may be empty
	SecretKeys []string // keys that sign links and seal secrets, newest first; may be empty
	APIKeys    []string // the merchant's bearer keys, several during a rotation
	ReturnURL  string   // the merchant's own recovery page; may be empty

	LinkTTL        time.Duration // how long a link to the recovery page is valid
	CardTries      int           // declined cards of a customer that are allowed for one charge in a day
	TrustedProxies []string      // addresses and prefixes whose X-Forwarded-For is trusted

	SMTPURL      string // empty: notices are stored, not sent
	MailFrom     string // an address, with or without a name; the default is SMTPURL's user if that is an address
	MerchantName string // the name that customers know; may be empty
	CheckoutDays int    // days after which a plan with an incomplete checkout is canceled; 0 means never
	// CheckoutReminder: customers who have not completed their checkout are reminded once.
	CheckoutReminder bool
	ConfirmPlans     bool   // customers get a mail with every payment when their plan begins
	UpcomingDays     int    // days between the advance notice of a charge and its due date; 0 means no notice
	Templates        string // a folder of templates for mails; empty: the built-in templates

	DunningFile         string // TOML of dunning policies; empty: only the default policy
	WebhookAllowPrivate bool   // messages may go to private addresses, and by http
	WebhookConcurrency  int    // messages to endpoints in flight at the same time

	ChargeTime      string         // HH:MM, the customer's local time at which charges fall due
	DefaultTimeZone string         // of new customers without a time zone of their own
	DefaultLocale   string         // of new customers without a locale of their own; may be empty
	AmountLimits    []AmountLimit  // replace Stripe's limits
	Holidays        []time.Time    // bank holidays, at midnight UTC
	Weekend         []time.Weekday // weekdays when banks are closed

	Roles             []Role        // the roles that this process runs
	Clock             string        // EPOCH@RATE of a simulated clock; empty means real time
	Tick              time.Duration // between two passes of the scheduler, in real time
	SweepEvery        time.Duration // between two sweeps of Stripe's event list, on the clock
	Lease             time.Duration // how long a claim of a row is valid, in real time
	ChargeConcurrency int           // charges in flight at the same time
	EventConcurrency  int           // events and notices in flight at the same time
	ShutdownTimeout   time.Duration // how long a stop waits for tasks in flight

	LogLevel  string // trace, debug, info, warn or error
	LogFormat string // json or console
}

// Off is the value that disables the address of a setting.
const Off = "off"

// Role is a part of Tranche that a process can run.
type Role string

const (
	// RoleIngress answers HTTP: webhooks and the API.
	RoleIngress Role = "ingress"
	// RoleWorker carries out jobs: it calls Stripe and sends mail.
	RoleWorker Role = "worker"
	// RoleScheduler turns due rows into jobs.
	RoleScheduler Role = "scheduler"
)

// roles lists all roles.
func roles() []Role { return []Role{RoleIngress, RoleWorker, RoleScheduler} }

// Has reports whether the process runs a role.
func (c Config) Has(r Role) bool { return slices.Contains(c.Roles, r) }

// Live reports whether the secret key moves real money.
func (c Config) Live() bool { return keyMode(c.StripeSecretKey, "sk_", "rk_") == modeLive }

// Default rate limits for reads, and for writes, in calls per second: a fifth below Stripe's limit
// for all calls, which is 100 with live keys and 25 in a sandbox. Source:
// docs.stripe.com/rate-limits.
const (
	liveRate = 80
	testRate = 20
)

// StripeRates returns the limits of read and write requests per second to Stripe, across all
// processes.
func (c Config) StripeRates() (reads, writes int) {
	usual := testRate
	if c.Live() {
		usual = liveRate
	}
	return cmp.Or(c.StripeReadRate, usual), cmp.Or(c.StripeWriteRate, usual)
}

// Embedded reports whether the queue runs inside this process.
func (c Config) Embedded() bool { return c.RedisURL == "" }

// SQLite reports whether the database is a file of this process.
func (c Config) SQLite() bool { return strings.HasPrefix(c.DatabaseURL, sqlitePrefix) }

const (
	sqlitePrefix = "sqlite:"
	modeLive     = "live"
	modeTest     = "test"
)

// keyMode returns the mode of a Stripe key with one of the prefixes, or "" for any other text.
// Source: docs.stripe.com/keys.
func keyMode(key string, prefixes ...string) string {
	for _, prefix := range prefixes {
		rest, ok := strings.CutPrefix(key, prefix)
		mode, id, _ := strings.Cut(rest, "_")
		if ok && id != "" && (mode == modeLive || mode == modeTest) && !strings.ContainsFunc(id, notKeyChar) {
			return mode
		}
	}
	return ""
}

// notKeyChar reports whether a key can't hold the character, such as a blank from copy and paste.
func notKeyChar(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}
