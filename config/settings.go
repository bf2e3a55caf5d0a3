package config

import (
	"slices"
	"time"
)

// Setting describes one setting, for tables, help and example files.
type Setting struct {
	Name    string // the environment variable; in lower case, the key in a file
	Group   string // the heading in lists
	Default string // empty if there is none
	Example string // a value, for a setting without default
	Secret  bool   // may be given as Name_FILE, and is never printed
	Doc     string // the purpose, in a sentence or two
}

// entry is a setting and the field of Config that it fills.
type entry struct {
	Setting
	field
}

// Settings lists every setting in the order of the help text.
func Settings() []Setting {
	entries := table()
	list := make([]Setting, len(entries))
	for i, e := range entries {
		list[i] = e.Setting
	}
	return list
}

// known lists every name that can hold a value.
func known() []string {
	var names []string
	for _, s := range Settings() {
		names = append(names, s.Name)
		if s.Secret {
			names = append(names, s.Name+fileSuffix)
		}
	}
	return names
}

// table is the only list of names, defaults and fields.
func table() []entry {
	return slices.Concat(stripeSettings(), storageSettings(), surfaceSettings(), recoverySettings(), noticeSettings(), webhookSettings(),
		dunningSettings(), planSettings(), processSettings())
}

func stripeSettings() []entry {
	const group = "Stripe"
	return []entry{
		{Setting{Name: "STRIPE_SECRET_KEY", Group: group, Secret: true, Example: "rk_test_…",
			Doc: "The secret key (sk_… or, better, a restricted key, rk_…). Required."},
			text(func(c *Config) *string { return &c.StripeSecretKey })},
		{Setting{Name: "STRIPE_PUBLISHABLE_KEY", Group: group, Example: "pk_test_…",
			Doc: "The publishable key of the same account and mode, for pages in the customer's browser."},
			text(func(c *Config) *string { return &c.StripePublishableKey })},
		{Setting{Name: "STRIPE_WEBHOOK_SECRET", Group: group, Secret: true, Example: "whsec_…",
			Doc: "The signing secret of the webhook endpoint. Several, separated by commas, during a rotation, or if another endpoint listens to connected accounts. Required for ingress."},
			list(func(c *Config) *[]string { return &c.StripeWebhookSecrets })},
		{Setting{Name: "STRIPE_API_BASE", Group: group, Example: "http://127.0.0.1:12111",
			Doc: "The URL of a simulator or proxy to call instead of Stripe's API."},
			text(func(c *Config) *string { return &c.StripeAPIBase })},
		{Setting{Name: "STRIPE_JS_URL", Group: group, Default: "https://js.stripe.com/v3/",
			Doc: "The URL that pages load Stripe.js from."},
			text(func(c *Config) *string { return &c.StripeJSURL })},
		{Setting{Name: "STRIPE_TIMEOUT", Group: group, Default: "25s",
			Doc: "The timeout of one call to Stripe."},
			duration(func(c *Config) *time.Duration { return &c.StripeTimeout })},
		{Setting{Name: "STRIPE_READ_RATE", Group: group, Default: "0",
			Doc: "Read requests per second to Stripe, across all processes. 0: 80 with a live key, 20 with a test key."},
			count(func(c *Config) *int { return &c.StripeReadRate })},
		{Setting{Name: "STRIPE_WRITE_RATE", Group: group, Default: "0",
			Doc: "Write requests per second to Stripe, including charges. 0: as for reads. When Stripe reports too many requests, the rate " +
				"falls by itself."},
			count(func(c *Config) *int { return &c.StripeWriteRate })},
	}
}

func storageSettings() []entry {
	const group = "Storage"
	return []entry{
		{Setting{Name: "DATABASE_URL", Group: group, Secret: true, Default: "sqlite:tranche.db",
			Doc: "sqlite:PATH, or postgres://USER:PASSWORD@HOST/NAME. SQLite means one process with all roles."},
			text(func(c *Config) *string { return &c.DatabaseURL })},
		{Setting{Name: "TRANCHE_DATABASE_CONNECTIONS", Group: group, Default: "20",
			Doc: "Maximum number of connections from this process to PostgreSQL."},
			number(func(c *Config) *int { return &c.DatabaseConnections })},
		{Setting{Name: "REDIS_URL", Group: group, Secret: true, Example: "redis://127.0.0.1:6379/0",
			Doc: "redis://, rediss://, redis-sentinel://HOST,HOST/MASTER or redis-cluster://HOST,HOST. " +
				"Empty: an embedded queue, and one process with all roles."},
			text(func(c *Config) *string { return &c.RedisURL })},
	}
}

func surfaceSettings() []entry {
	const http, mail = "HTTP", "Mail"
	return []entry{
		{Setting{Name: "TRANCHE_ADDR", Group: http, Default: "127.0.0.1:8080",
			Doc: "The address to listen on. Put a TLS terminator in front of it."},
			text(func(c *Config) *string { return &c.Addr })},
		{Setting{Name: "TRANCHE_ADMIN_ADDR", Group: http, Default: "127.0.0.1:9464",
			Doc: "The address of /metrics and of /readyz with details. They need no key: make the address reachable by your monitoring only. " +
				"Each process on a machine needs its own port. off: neither is served."},
			text(func(c *Config) *string { return &c.AdminAddr })},
		{Setting{Name: "TRANCHE_BASE_URL", Group: http, Example: "https://pay.example.com",
			Doc: "The public URL of Tranche."},
			text(func(c *Config) *string { return &c.BaseURL })},
		{Setting{Name: "TRANCHE_SECRET_KEY", Group: http, Secret: true, Example: "openssl rand -hex 32",
			Doc: "Signs links, and seals the secrets of webhook endpoints in the database. At least 32 random characters without a comma; " +
				"several, separated by commas and newest first, during a rotation. A key with fewer than 10 different characters is refused with a " +
				"live Stripe key, and causes a warning with a test key."},
			list(func(c *Config) *[]string { return &c.SecretKeys })},
		{Setting{Name: "TRANCHE_API_KEY", Group: http, Secret: true, Example: "openssl rand -hex 32",
			Doc: "The bearer key that the merchant's server sends. At least 32 random characters without a comma; several, separated by " +
				"commas, during a rotation. A key with fewer than 32 characters, or fewer than 10 different ones, is refused with a live Stripe " +
				"key, and causes a warning with a test key; fewer than 16 characters are always refused. Required for ingress."},
			list(func(c *Config) *[]string { return &c.APIKeys })},
		{Setting{Name: "TRANCHE_RETURN_URL", Group: http, Example: "https://shop.example/pay?charge={charge}&intent={payment_intent}",
			Doc: "The merchant's own page where a customer fixes a payment. " +
				"{charge}, {payment_intent} and {reference} are replaced. Without this setting, and without the recovery page, mails hold no link."},
			text(func(c *Config) *string { return &c.ReturnURL })},
		{Setting{Name: "SMTP_URL", Group: mail, Secret: true, Example: "smtps://USER:PASSWORD@mail.example.com:465",
			Doc: "smtp:// (STARTTLS where offered; ?tls=required or ?tls=none) or smtps://. " +
				"Empty: notices are stored and not sent."},
			text(func(c *Config) *string { return &c.SMTPURL })},
		{Setting{Name: "TRANCHE_MAIL_FROM", Group: mail, Example: "Shop <billing@shop.example>",
			Doc: "The sender of mails. Required with SMTP_URL, unless the user in SMTP_URL is a mail address."},
			text(func(c *Config) *string { return &c.MailFrom })},
		{Setting{Name: "TRANCHE_MERCHANT_NAME", Group: mail, Example: "Example Shop",
			Doc: "The merchant's name as customers know it; mails are signed with it."},
			text(func(c *Config) *string { return &c.MerchantName })},
	}
}

func processSettings() []entry {
	const times, process, logs = "Time", "Process", "Logs"
	return []entry{
		{Setting{Name: "TRANCHE_CLOCK", Group: times, Example: "2026-01-01T00:00:00Z@86400",
			Doc: "EPOCH@RATE: a clock that shows the real time at the epoch and runs RATE times as fast afterwards, to simulate " +
				"months in minutes. Refused with live keys."},
			text(func(c *Config) *string { return &c.Clock })},
		{Setting{Name: "TRANCHE_TICK", Group: times, Default: "1s",
			Doc: "The interval between two searches for due rows by the scheduler, in real time."},
			duration(func(c *Config) *time.Duration { return &c.Tick })},
		{Setting{Name: "TRANCHE_SWEEP_EVERY", Group: times, Default: "15m",
			Doc: "The interval between two sweeps of Stripe's list for events that no webhook delivered."},
			duration(func(c *Config) *time.Duration { return &c.SweepEvery })},
		{Setting{Name: "TRANCHE_LEASE", Group: times, Default: "60s",
			Doc: "How long a worker's claim of a row is valid, in real time. Must be longer than STRIPE_TIMEOUT."},
			duration(func(c *Config) *time.Duration { return &c.Lease })},
		{Setting{Name: "TRANCHE_ROLES", Group: process, Default: "ingress,worker,scheduler",
			Doc: "The roles of this process. Running fewer than all roles needs PostgreSQL and Redis."},
			roleList(func(c *Config) *[]Role { return &c.Roles })},
		{Setting{Name: "TRANCHE_CHARGE_CONCURRENCY", Group: process, Default: "50",
			Doc: "Maximum number of charges in flight in this process. Stripe allows an account 100 calls a second."},
			number(func(c *Config) *int { return &c.ChargeConcurrency })},
		{Setting{Name: "TRANCHE_EVENT_CONCURRENCY", Group: process, Default: "20",
			Doc: "Maximum number of events and notices in flight in this process."},
			number(func(c *Config) *int { return &c.EventConcurrency })},
		{Setting{Name: "TRANCHE_SHUTDOWN_TIMEOUT", Group: process, Default: "35s",
			Doc: "How long a stop waits for tasks in flight. Must be longer than STRIPE_TIMEOUT."},
			duration(func(c *Config) *time.Duration { return &c.ShutdownTimeout })},
		{Setting{Name: "TRANCHE_LOG_LEVEL", Group: logs, Default: "info", Doc: "trace, debug, info, warn or error."},
			choice(func(c *Config) *string { return &c.LogLevel }, "trace", "debug", "info", "warn", "error")},
		{Setting{Name: "TRANCHE_LOG_FORMAT", Group: logs, Default: "json", Doc: "json, or console for people."},
			choice(func(c *Config) *string { return &c.LogFormat }, "json", "console")},
	}
}
