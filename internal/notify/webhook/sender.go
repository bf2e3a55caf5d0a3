package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/plaintext"
)

const (
	// Timeout limits one try, from the DNS lookup to the end of the answer.
	Timeout = 15 * time.Second
	// maxAnswer is how much of an answer is read.
	maxAnswer = 4 << 10
	// maxError limits the text of a failure, in characters.
	maxError = 300
	// maxHeader limits the header of an answer.
	maxHeader = 64 << 10
	// idlePerHost is how many connections to one receiver are kept for the next message.
	idlePerHost = 10
)

// Config configures a Sender.
type Config struct {
	Keys Keyring
	// AllowPrivate allows addresses that are not on the Internet, and http.
	AllowPrivate bool
	// Clock decides how long a rotated secret signs as well. Signatures have the real time.
	Clock clock.Clock
}

// Sender posts messages. It is safe for concurrent use.
type Sender struct {
	Config
	dialer *net.Dialer
	client *http.Client
}

var _ billing.WebhookSender = (*Sender)(nil)

// NewSender returns a sender. It follows no redirects and uses no proxy: both would bypass the
// check of addresses.
func NewSender(c Config) *Sender {
	dialer := &net.Dialer{Timeout: Timeout}
	if !c.AllowPrivate {
		dialer.Control = control
	}
	return &Sender{Config: c, dialer: dialer, client: &http.Client{
		Timeout:       Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, Proxy: nil, ForceAttemptHTTP2: true, DisableCompression: true,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: Timeout, MaxResponseHeaderBytes: maxHeader, MaxIdleConnsPerHost: idlePerHost, IdleConnTimeout: time.Minute,
		},
	}}
}

// Close closes idle connections.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Send posts a message to an endpoint. See billing.WebhookSender.
func (s *Sender) Send(ctx context.Context, e billing.Endpoint, m billing.Message) (int, error) {
	if err := CheckURL(e.URL, s.AllowPrivate); err != nil {
		return 0, fmt.Errorf("not sent: the URL %w", err)
	}
	at := s.Clock.Wall()
	signature, err := s.sign(e, m, at)
	if err != nil {
		return 0, fmt.Errorf("not sent: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(m.Payload))
	if err != nil {
		return 0, fmt.Errorf("not sent: %w", withoutURL(err))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Tranche")
	req.Header.Set(standardwebhooks.HeaderWebhookID, string(m.ID))
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, errors.New(oneLine(noAnswer(err)))
	}
	defer resp.Body.Close()
	// An answer that is cut short still counts as an answer.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, verdict(resp.StatusCode, body)
}

// sign returns the signature header: one signature for each valid secret that opens, separated by
// spaces. It fails if none opens.
func (s *Sender) sign(e billing.Endpoint, m billing.Message, at time.Time) (string, error) {
	var signatures []string
	var unopened error
	for _, sealed := range e.ValidSecrets(s.Clock.Now()) {
		secret, _, err := s.Keys.Open(e.ID, sealed)
		if err != nil {
			unopened = cmp.Or(unopened, err)
			continue
		}
		signer, err := standardwebhooks.NewWebhook(secret.Reveal())
		if err != nil {
			return "", errors.New("the endpoint's secret does not follow Standard Webhooks: rotate it")
		}
		signature, err := signer.Sign(string(m.ID), at, m.Payload)
		if err != nil {
			return "", fmt.Errorf("sign: %w", err)
		}
		signatures = append(signatures, signature)
	}
	if len(signatures) == 0 {
		return "", unopened
	}
	return strings.Join(signatures, " "), nil
}

// verdict returns an error for an answer that does not acknowledge the message.
func verdict(status int, body []byte) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return fmt.Errorf("answered %d: redirects are not followed; set the URL of the target", status)
	}
	text := fmt.Sprintf("answered %d", status)
	if said := strings.TrimSpace(string(body)); said != "" {
		text += ": " + said
	}
	return errors.New(oneLine(text))
}

// noAnswer explains why there was no answer. It leaves out the URL, which may contain the
// receiver's secrets, and every address: the merchant's resolver, and what names resolve to inside
// the merchant's network.
func noAnswer(err error) string {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fmt.Sprintf("no answer within %s", Timeout)
	}
	if errors.Is(err, ErrAddress) {
		return "no answer: the host " + ErrAddress.Error()
	}
	if unresolved, ok := errors.AsType[*net.DNSError](err); ok {
		if unresolved.IsNotFound {
			return "no answer: the host's name has no address"
		}
		return "no answer: the host's name could not be resolved"
	}
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Sprintf("no answer: %s: %s", network.Op, cause(network.Err))
	}
	return "no answer: " + withoutURL(err).Error()
}

// cause is the operating system's word for a failure, which names no address. Other failures of the
// network may name one.
func cause(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return alert.Error()
	}
	return "the connection failed"
}

func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// oneLine makes text from outside fit for a line of a table or a log.
func oneLine(s string) string { return plaintext.CleanLine(s, maxError) }
