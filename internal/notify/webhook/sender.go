package webhook

import (
	"bytes"
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
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

const (
	// Timeout bounds one try, from the name's resolution to the end of the answer.
	Timeout = 15 * time.Second
	// maxAnswer is how much of an answer is read.
	maxAnswer = 4 << 10
	// maxError bounds the text of a failure, in characters.
	maxError = 300
	// maxHeader bounds the header of an answer.
	maxHeader = 64 << 10
	// idlePerHost is how many connections to one receiver are kept for the next message.
	idlePerHost = 10
)

// Config is what a Sender works with.
type Config struct {
	Keys Keyring
	// AllowPrivate lets messages go to addresses that are not on the Internet, and by http.
	AllowPrivate bool
	// Clock tells until when an old secret signs too. Signatures carry the real time.
	Clock clock.Clock
}

// Sender posts messages. It is safe for concurrent use.
type Sender struct {
	Config
	dialer *net.Dialer
	client *http.Client
}

var _ billing.WebhookSender = (*Sender)(nil)

// NewSender makes a sender. It follows no redirects and knows no proxy: either would lead past the check of addresses.
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

// Close lets go of idle connections.
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
	// An answer that ends early has been given all the same.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, verdict(resp.StatusCode, body)
}

// sign makes the signature header: one signature for each secret that holds, separated by spaces.
func (s *Sender) sign(e billing.Endpoint, m billing.Message, at time.Time) (string, error) {
	sealed := []string{e.Secret}
	if e.OldSecret != "" && s.Clock.Now().Before(e.OldUntil) {
		sealed = append(sealed, e.OldSecret)
	}
	var signatures []string
	for _, text := range sealed {
		secret, err := s.Keys.Open(e.ID, text)
		if err != nil {
			return "", err
		}
		signer, err := standardwebhooks.NewWebhook(secret.Reveal())
		if err != nil {
			return "", errors.New("the endpoint's secret is not of the Standard Webhooks scheme: rotate it")
		}
		signature, err := signer.Sign(string(m.ID), at, m.Payload)
		if err != nil {
			return "", fmt.Errorf("sign: %w", err)
		}
		signatures = append(signatures, signature)
	}
	return strings.Join(signatures, " "), nil
}

// verdict is why an answer does not mean that the message was taken; nil when it does.
func verdict(status int, body []byte) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return fmt.Errorf("answered %d: redirects are not followed; give the URL it leads to", status)
	}
	text := fmt.Sprintf("answered %d", status)
	if said := strings.TrimSpace(string(body)); said != "" {
		text += ": " + said
	}
	return errors.New(oneLine(text))
}

// noAnswer says why there was no answer, without the URL, which may hold what only the receiver should know.
func noAnswer(err error) string {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Sprintf("no answer within %s", Timeout)
	}
	return "no answer: " + withoutURL(err).Error()
}

func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// oneLine makes what others wrote fit for a line of a table or a log: no line ends, no control characters, none that turn
// the direction of writing, and no more than maxError.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029':
			return ' '
		case r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxError {
		return string(runes[:maxError-1]) + "…"
	}
	return s
}
