package stripesim

import (
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/clock"
)

// APIVersion is the only Stripe API version the simulator speaks.
const APIVersion = "2023-10-16"

// Defaults for zero fields of Options.
const (
	DefaultKeyLifetime        = 24 * time.Hour
	DefaultConfirmLimit       = 10
	DefaultWebhookConcurrency = 4
	DefaultWebhookTimeout     = 10 * time.Second
)

// Options configures a Server. The zero value is a usable simulator: any test
// key is accepted, no webhook endpoint exists, and ids are the same each run.
type Options struct {
	// Now is the simulated clock: object timestamps, the life of idempotency
	// keys and card expiry follow it. Nil means the real clock.
	Now func() time.Time
	// Wall is the real clock, used only for the timestamp in webhook
	// signatures, which receivers compare with their own. Nil means the real clock.
	Wall func() time.Time
	// Log receives one line for each request and webhook delivery; never a
	// body, a key or a client secret. The zero Logger discards everything.
	Log zerolog.Logger
	// SecretKeys are the accepted secret keys. Empty accepts every key that
	// begins with sk_test_ or rk_test_.
	SecretKeys []string
	// RestrictedKeys maps keys to their permissions: resources as paths name them, such as
	// payment_intents, or payment_intents:read for reading only. They are accepted in addition to
	// SecretKeys.
	RestrictedKeys map[string][]string
	// Webhooks are the endpoints that exist from the start.
	Webhooks []WebhookEndpoint
	// WebhookBackoff holds the real waits between tries of a delivery that did not get a 2xx response;
	// after the last one the delivery has failed. Nil means 200ms, 1s, 5s, 30s, 2m. Empty but not nil
	// means one try only.
	WebhookBackoff []time.Duration
	// WebhookConcurrency limits simultaneous deliveries. 1 delivers in the order of the events; with
	// more, the order may change. 0 means DefaultWebhookConcurrency.
	WebhookConcurrency int
	// WebhookTransport sends the deliveries. Nil means a transport of its own.
	WebhookTransport http.RoundTripper
	// KeyLifetime is how long an idempotency key is remembered, on Now.
	// 0 means DefaultKeyLifetime.
	KeyLifetime time.Duration
	// ConfirmLimit is the number of confirmations after which a PaymentIntent
	// that fails once more is canceled. 0 means DefaultConfirmLimit.
	ConfirmLimit int
	// Card3178InitialFails makes card 4000008260003178 decline its first
	// payment too, as Stripe's testing page has it. By default the first
	// payment succeeds after authentication, as the guide has it.
	Card3178InitialFails bool
	// DeclineExpired declines charges with expired_card once the card's
	// expiry month has passed on Now, which Stripe's test mode does not do.
	DeclineExpired bool
	// OmitAdvice leaves advice_code, network_advice_code and
	// network_decline_code out of errors and charge outcomes; the OpenAPI
	// description of this API version does not have them.
	OmitAdvice bool
	// FullDeclineCode adds decline_code to expired_card, incorrect_cvc and
	// processing_error, where the documentation and recordings disagree.
	FullDeclineCode bool
	// Seed makes ids, probabilities and shuffles reproducible.
	Seed uint64
	// EventAPIVersion is the api_version of events. Empty means APIVersion.
	EventAPIVersion string
	// Account describes GET /v1/account.
	Account Account
	// BaseURL is the simulator's own public address, used in the links of
	// next_action. Empty derives it from each request's Host header.
	BaseURL string
}

// Account is the Stripe account that the simulator plays.
type Account struct {
	ID              string // acct_...; empty means acct_1TrancheSimulator
	Country         string // two letters; empty means US
	Email           string // empty means merchant@example.com
	DefaultCurrency string // lower-case ISO code; empty means usd
	DisplayName     string // may be empty
}

// WebhookEndpoint is one receiver of events.
type WebhookEndpoint struct {
	// URL is an absolute http or https address.
	URL string
	// Secret signs deliveries; empty makes one up (whsec_...).
	Secret string
	// EnabledEvents are event types, or "*" for all; empty means all.
	EnabledEvents []string
	// Connect means that the endpoint gets the events of connected accounts instead of the platform's
	// own.
	Connect bool
}

func defaultWebhookBackoff() []time.Duration {
	return []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute}
}

// withDefaults returns the options with defaults for zero fields.
func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = clock.Clock{}.Now
	}
	if o.Wall == nil {
		o.Wall = clock.Clock{}.Wall
	}
	if o.WebhookBackoff == nil {
		o.WebhookBackoff = defaultWebhookBackoff()
	}
	if o.WebhookConcurrency <= 0 {
		o.WebhookConcurrency = DefaultWebhookConcurrency
	}
	if o.KeyLifetime <= 0 {
		o.KeyLifetime = DefaultKeyLifetime
	}
	if o.ConfirmLimit <= 0 {
		o.ConfirmLimit = DefaultConfirmLimit
	}
	if o.EventAPIVersion == "" {
		o.EventAPIVersion = APIVersion
	}
	o.Account = o.Account.withDefaults()
	return o
}

func (a Account) withDefaults() Account {
	if a.ID == "" {
		a.ID = "acct_1TrancheSimulator"
	}
	if a.Country == "" {
		a.Country = "US"
	}
	if a.Email == "" {
		a.Email = "merchant@example.com"
	}
	if a.DefaultCurrency == "" {
		a.DefaultCurrency = "usd"
	}
	return a
}
