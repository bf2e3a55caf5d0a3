package config

import (
	"fmt"
	"strings"
)

// Needs describes what a command does, and so which settings are required. Settings that are set
// are checked in any case.
type Needs struct {
	Stripe bool // calls Stripe: needs STRIPE_SECRET_KEY
	Serve  bool // runs roles: needs the settings of each role
	Seal   bool // seals secrets in the database: needs TRANCHE_SECRET_KEY
}

// Needs of the commands that need more than a database.
var (
	// NeedsServe is for a process that runs roles.
	NeedsServe = Needs{Stripe: true, Serve: true}
	// NeedsStripe is for a command that calls Stripe.
	NeedsStripe = Needs{Stripe: true}
	// NeedsSeal is for a command that creates secrets of endpoints.
	NeedsSeal = Needs{Seal: true}
)

// Validate reports all faults together. Errors: *Error.
func (c Config) Validate(need Needs) error {
	faults := &Error{}
	c.check(need, faults)
	return faults.orNil()
}

func (c Config) check(need Needs, faults *Error) {
	c.checkKeys(need, faults)
	c.checkWebhook(need, faults)
	c.checkLive(faults)
	c.checkStorage(need, faults)
	c.checkHTTP(need, faults)
	c.checkRecovery(need, faults)
	c.checkMail(faults)
	c.checkReminder(need, faults)
	c.checkTimes(faults)
}

func (c Config) checkKeys(need Needs, faults *Error) {
	secret := keyMode(c.StripeSecretKey, "sk_", "rk_")
	switch {
	case c.StripeSecretKey == "" && need.Stripe:
		faults.add("STRIPE_SECRET_KEY", "is not set", "a key from Stripe's dashboard, sk_… or rk_…")
	case c.StripeSecretKey != "" && secret == "":
		faults.add("STRIPE_SECRET_KEY", "is not a Stripe secret key", "it begins with sk_test_, sk_live_, rk_test_ or rk_live_")
	}
	publishable := keyMode(c.StripePublishableKey, "pk_")
	switch {
	case c.StripePublishableKey == "":
	case publishable == "":
		faults.add("STRIPE_PUBLISHABLE_KEY", "is not a Stripe publishable key", "it begins with pk_test_ or pk_live_")
	case secret != "" && publishable != secret:
		faults.add("STRIPE_PUBLISHABLE_KEY",
			fmt.Sprintf("is a %s key and STRIPE_SECRET_KEY is a %s key", publishable, secret), "take both from the same mode")
	}
}

func (c Config) checkWebhook(need Needs, faults *Error) {
	const name = "STRIPE_WEBHOOK_SECRET"
	if len(c.StripeWebhookSecrets) == 0 && need.Serve && c.Has(RoleIngress) {
		faults.add(name, "is not set", "the signing secret of the webhook endpoint, whsec_…")
	}
	for _, secret := range c.StripeWebhookSecrets {
		id, ok := strings.CutPrefix(secret, "whsec_")
		switch {
		case secret == "":
			faults.add(name, "has an empty part", "whsec_…, or two of them with one comma between")
		case !ok || id == "":
			faults.add(name, "has a part that is no signing secret", "it begins with whsec_")
		}
	}
}

// checkLive refuses settings for tests when the key moves real money.
func (c Config) checkLive(faults *Error) {
	if !c.Live() {
		return
	}
	if hasScheme(c.StripeAPIBase, "http") {
		faults.add("STRIPE_API_BASE", "is http:// and the key is a live one", "use https://, or a test key")
	}
	if hasScheme(c.StripeJSURL, "http") {
		faults.add("STRIPE_JS_URL", "is http:// and the key is a live one", "use https://, or a test key")
	}
	if c.Clock != "" {
		faults.add("TRANCHE_CLOCK", "is set and the key is a live one", "unset it, or use a test key")
	}
}

func (c Config) checkStorage(need Needs, faults *Error) {
	if fault := databaseFault(c.DatabaseURL); fault != nil {
		faults.add("DATABASE_URL", fault.problem, fault.hint)
	}
	if fault := redisFault(c.RedisURL); fault != nil {
		faults.add("REDIS_URL", fault.problem, fault.hint)
	}
	if need.Serve && len(c.Roles) < len(roles()) {
		c.checkSplit(faults)
	}
}

// checkSplit refuses fewer than all roles if processes could not share the database and the queue.
func (c Config) checkSplit(faults *Error) {
	var reasons []string
	if c.SQLite() {
		reasons = append(reasons, "DATABASE_URL is SQLite, a file for one process with all roles")
	}
	if c.Embedded() {
		reasons = append(reasons, "REDIS_URL is empty, so the queue is inside one process with all roles")
	}
	if reasons != nil {
		faults.add("TRANCHE_ROLES", "leaves out roles, but "+strings.Join(reasons, ", and "),
			"run all roles here, or use PostgreSQL and Redis")
	}
}

func (c Config) checkHTTP(need Needs, faults *Error) {
	if !isHostPort(c.Addr) {
		faults.add("TRANCHE_ADDR", "is not an address to listen on", "HOST:PORT, such as 127.0.0.1:8080 or :8080")
	}
	if c.AdminAddr != Off && !isHostPort(c.AdminAddr) {
		faults.add("TRANCHE_ADMIN_ADDR", "is not an address to listen on", "HOST:PORT, such as 127.0.0.1:9464, or off")
	}
	c.checkOwnKeys(need, faults)
	c.checkURLs(faults)
}

func (c Config) checkURLs(faults *Error) {
	if c.StripeAPIBase != "" && !isBaseURL(c.StripeAPIBase) {
		faults.add("STRIPE_API_BASE", "is not an http or https URL to put paths behind", "such as http://127.0.0.1:12111")
	}
	if !hasScheme(c.StripeJSURL, "http", "https") {
		faults.add("STRIPE_JS_URL", "is not an http or https URL", "https://js.stripe.com/v3/")
	}
	if c.BaseURL != "" && !isBaseURL(c.BaseURL) {
		faults.add("TRANCHE_BASE_URL", "is not an http or https URL to put paths behind", "such as https://pay.example.com")
	}
	if fault := returnFault(c.ReturnURL); fault != nil {
		faults.add("TRANCHE_RETURN_URL", fault.problem, fault.hint)
	}
}

func (c Config) checkMail(faults *Error) {
	if fault := smtpFault(c.SMTPURL); fault != nil {
		faults.add("SMTP_URL", fault.problem, fault.hint)
	}
	switch {
	case c.SMTPURL != "" && c.MailFrom == "":
		faults.add("TRANCHE_MAIL_FROM", "is not set and SMTP_URL is", "the sender's address, such as Shop <billing@shop.example>")
	case c.MailFrom != "" && !isAddress(c.MailFrom):
		faults.add("TRANCHE_MAIL_FROM", "is not a mail address", "such as Shop <billing@shop.example>")
	}
}

// checkReminder refuses the reminder if it could not link to a page.
func (c Config) checkReminder(need Needs, faults *Error) {
	if need.Serve && c.CheckoutReminder && !c.PayPage() && c.ReturnURL == "" {
		faults.add("TRANCHE_CHECKOUT_REMINDER", "is true, and there is no page to link to",
			"set TRANCHE_BASE_URL, TRANCHE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY, or TRANCHE_RETURN_URL")
	}
}

func (c Config) checkTimes(faults *Error) {
	if !isTimeOfDay(c.ChargeTime) {
		faults.add("TRANCHE_CHARGE_TIME", fmt.Sprintf("is %.40q, not a time of day", c.ChargeTime), "HH:MM, such as 09:00")
	}
	if fault := clockFault(c.Clock); fault != nil {
		faults.add("TRANCHE_CLOCK", fault.problem, fault.hint)
	}
	if c.Lease <= c.StripeTimeout {
		faults.add("TRANCHE_LEASE", fmt.Sprintf("is %s, no longer than STRIPE_TIMEOUT (%s): "+
			"a charge would be handed to a second worker while the first calls Stripe", c.Lease, c.StripeTimeout), "make it longer")
	}
	if c.ShutdownTimeout <= c.StripeTimeout {
		faults.add("TRANCHE_SHUTDOWN_TIMEOUT", fmt.Sprintf("is %s, no longer than STRIPE_TIMEOUT (%s): a stop would cut off calls to Stripe",
			c.ShutdownTimeout, c.StripeTimeout), "make it longer")
	}
}

func (c Config) checkRecovery(need Needs, faults *Error) {
	for _, text := range c.TrustedProxies {
		if _, ok := proxyPrefix(text); !ok {
			faults.add("TRANCHE_TRUSTED_PROXIES", "has a part that is neither an address nor a prefix", "such as 10.0.0.0/8,192.0.2.7")
		}
	}
	if need.Serve && c.BaseURL != "" && len(c.SecretKeys) > 0 && c.StripePublishableKey == "" {
		faults.add("STRIPE_PUBLISHABLE_KEY", "is not set, and TRANCHE_BASE_URL and TRANCHE_SECRET_KEY are: the recovery page needs it",
			"pk_… from Stripe's dashboard, of the same mode as the secret key")
	}
	if c.Live() && len(c.SecretKeys) > 0 && hasScheme(c.BaseURL, "http") {
		faults.add("TRANCHE_BASE_URL", "is http:// and the key is a live one: the recovery page hands out secrets", "use https://")
	}
}
