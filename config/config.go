package config

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Config is every setting, with defaults filled in. README's table, made from Settings, says what
// each is for.
type Config struct {
	StripeSecretKey      string        // sk_… or rk_…
	StripePublishableKey string        // pk_…; may be empty
	StripeWebhookSecrets []string      // whsec_…, several while one is rolled
	StripeAPIBase        string        // empty means Stripe's own
	StripeJSURL          string        // where pages load Stripe.js from
	StripeTimeout        time.Duration // of one call to Stripe
	StripeReadRate       int           // calls a second that fetch, over all processes; 0 means as StripeRates says
	StripeWriteRate      int           // calls a second that change something, likewise

	DatabaseURL         string // sqlite:PATH or postgres://…
	DatabaseConnections int    // most connections of this process
	RedisURL            string // empty means the embedded queue

	Addr       string   // host:port to listen on
	AdminAddr  string   // host:port of metrics and details of readiness, or Off
	BaseURL    string   // how Tranche is reached from outside; may be empty
	SecretKeys []string // sign links and seal secrets, newest first; may be empty
	APIKeys    []string // the merchant's bearer keys, several while one is rotated
	ReturnURL  string   // the merchant's page to put a payment right; may be empty

	LinkTTL        time.Duration // how long a link to the recovery page holds
	CardTries      int           // how many cards of a customer may be declined for one charge in a day
	TrustedProxies []string      // addresses and prefixes whose X-Forwarded-For is believed

	SMTPURL      string // empty: notices are kept, not sent
	MailFrom     string // an address, with or without a name; taken from SMTPURL's user where that is an address
	MerchantName string // as customers know the merchant; may be empty
	CheckoutDays int    // after how many days a plan is canceled whose checkout is not completed; 0 means never
	// CheckoutReminder: customers who have not completed their checkout are reminded once.
	CheckoutReminder bool
	ConfirmPlans     bool   // customers get a mail with every payment when their plan begins
	UpcomingDays     int    // how many days before a charge falls due its customer is told; 0 means never
	Templates        string // a folder of templates for mails; empty: those built in

	DunningFile         string // TOML of dunning policies; empty means the default one alone
	WebhookAllowPrivate bool   // messages may go to addresses that are not on the Internet, and by http
	WebhookConcurrency  int    // messages to endpoints under way at once

	ChargeTime      string         // HH:MM, the customer's local time at which charges fall due
	DefaultTimeZone string         // of new customers for whom none is given
	DefaultLocale   string         // likewise; may be empty
	AmountLimits    []AmountLimit  // in place of Stripe's
	Holidays        []time.Time    // days at midnight UTC on which banks are closed
	Weekend         []time.Weekday // likewise, every week

	Roles             []Role        // what this process does
	Clock             string        // EPOCH@RATE of a simulated clock; empty means real time
	Tick              time.Duration // between two looks at the calendar, in real time
	SweepEvery        time.Duration // between two readings of Stripe's event list, on the clock
	Lease             time.Duration // how long a claimed row is left to its worker, in real time
	ChargeConcurrency int           // charges under way at once
	EventConcurrency  int           // events and notices under way at once
	ShutdownTimeout   time.Duration // how long a stop waits for what is under way

	LogLevel  string // trace, debug, info, warn or error
	LogFormat string // json or console
}

// Off is the value of a setting that turns off what it names.
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

// Has says whether the process runs a role.
func (c Config) Has(r Role) bool { return slices.Contains(c.Roles, r) }

// Live says whether the secret key moves real money.
func (c Config) Live() bool { return keyMode(c.StripeSecretKey, "sk_", "rk_") == modeLive }

// Default rate limits for reads, and for writes, in calls per second: a fifth below Stripe's limit
// for all calls, which is 100 with live keys and 25 in a sandbox. Source:
// docs.stripe.com/rate-limits.
const (
	liveRate = 80
	testRate = 20
)

// StripeRates is how many calls a second all processes together make to Stripe: those that fetch,
// and those that change something.
func (c Config) StripeRates() (reads, writes int) {
	usual := testRate
	if c.Live() {
		usual = liveRate
	}
	return cmp.Or(c.StripeReadRate, usual), cmp.Or(c.StripeWriteRate, usual)
}

// Embedded says whether the queue runs inside this process.
func (c Config) Embedded() bool { return c.RedisURL == "" }

// SQLite says whether the database is a file of this process.
func (c Config) SQLite() bool { return strings.HasPrefix(c.DatabaseURL, sqlitePrefix) }

const (
	sqlitePrefix = "sqlite:"
	modeLive     = "live"
	modeTest     = "test"
)

// keyMode returns the mode of a Stripe key with one of the prefixes, or "" for what is no such key.
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

// notKeyChar catches what came along when a key was pasted.
func notKeyChar(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}
