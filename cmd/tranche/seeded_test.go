package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// The secrets of the test. None can occur by chance.
const (
	seededKey      = "rk_test_SEEDEDrestrictedKey"
	seededOldKey   = "sk_test_SEEDEDsecretKey"
	seededHook     = "whsec_SEEDEDhookSecret"
	seededOldHook  = "whsec_SEEDEDrolledSecret"
	seededAPIKey   = "SEEDED-api-key-of-the-merchants-server"
	seededLinkKey  = "SEEDED-link-key-0123456789-0123456789"
	seededMail     = "SEEDEDmailPassword"
	seededDatabase = "SEEDEDdatabasePassword"
	seededRedis    = "SEEDEDredisPassword"
	seededCVC      = "731"
)

// seededPANs are the card numbers that customers enter.
func seededPANs() []string {
	return []string{"4242424242424242", "4000000000000341", "4000002500003155", "4000000000009995"}
}

// leak is one secret in one place.
type leak struct{ where, what string }

// sieve finds secrets in outputs, files and messages.
type sieve struct {
	exact    []string
	patterns []*regexp.Regexp
}

// newSieve finds the seeded secrets, and secrets of a known form: client secrets, keys and a card's
// check number in its usual fields.
func newSieve() *sieve {
	s := &sieve{exact: append(seededPANs(), "SEEDED")} // every seeded secret holds this word
	for _, shape := range []string{`(pi|seti)_\w+_secret_\w+`, `\b(sk|rk)_(test|live)_\w{6,}`, `whsec_\w{6,}`, `(?i)cvc\W{1,8}` + seededCVC} {
		s.patterns = append(s.patterns, regexp.MustCompile(shape))
	}
	return s
}

// find lists the secrets in a text, with the surrounding text.
func (s *sieve) find(where string, text []byte) (leaks []leak) {
	for _, secret := range s.exact {
		if at := bytes.Index(text, []byte(secret)); at >= 0 {
			leaks = append(leaks, leak{where, around(text, at, len(secret))})
		}
	}
	for _, p := range s.patterns {
		if at := p.FindIndex(text); at != nil {
			leaks = append(leaks, leak{where, around(text, at[0], at[1]-at[0])})
		}
	}
	return leaks
}

func around(text []byte, at, length int) string {
	return fmt.Sprintf("%q", text[max(at-60, 0):min(at+length+20, len(text))])
}

// heard keeps the outputs of a process. It is safe for concurrent use.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps p.
func (s *heard) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *heard) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.text.Bytes())
}

// unkindStripe is a proxy in front of the simulator. It keeps the URLs of all requests, and answers
// every few requests like a careless server: with the key, the client secret and the card in the
// text.
type unkindStripe struct {
	*httptest.Server
	mu    sync.Mutex
	urls  []string
	posts int
}

// carelessEvery is the number of POSTs for each careless answer.
const carelessEvery = 5

func newUnkindStripe(t *testing.T, sim string) *unkindStripe {
	t.Helper()
	target, err := url.Parse(sim)
	require.NoError(t, err)
	u := &unkindStripe{}
	proxy := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorLog: log.New(io.Discard, "", 0),
		// An incomplete answer stays incomplete for the client.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	u.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, body := u.careless(r); status != 0 {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	u.Config.ErrorLog = log.New(io.Discard, "", 0)
	u.Start()
	t.Cleanup(u.Close)
	return u
}

// careless answers every few POSTs for a payment itself.
func (u *unkindStripe) careless(r *http.Request) (status int, body string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.urls = append(u.urls, r.URL.String())
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/v1/payment_intents") {
		return 0, ""
	}
	u.posts++
	text := "key " + seededKey + " pi_9_secret_SEEDEDanswer card 4242 4242 4242 4242 4242424242424242 cvc " + seededCVC
	switch {
	case u.posts%carelessEvery != 0:
		return 0, ""
	case u.posts%(2*carelessEvery) == 0:
		return http.StatusUnauthorized, `{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: ` + text + `"}}`
	}
	return http.StatusInternalServerError, "<html>" + text
}

func (u *unkindStripe) asked() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return strings.Join(u.urls, "\n")
}

// unkindMail is a mail server that keeps whole mails, and repeats the password of the first login
// that it refuses.
type unkindMail struct {
	addr string

	mu      sync.Mutex
	refused bool
	mails   bytes.Buffer
	count   int
}

func newUnkindMail(t *testing.T) *unkindMail {
	t.Helper()
	m := &unkindMail{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m.addr = l.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &unkindSession{m}, nil }))
	server.Domain, server.AllowInsecureAuth, server.ErrorLog = "localhost", true, log.New(io.Discard, "", 0)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return m
}

func (m *unkindMail) taken() (mails []byte, count int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.mails.Bytes()), m.count
}

// unkindSession is one connection to it.
type unkindSession struct{ server *unkindMail }

// AuthMechanisms offers the mechanism that sends the password in clear text.
func (*unkindSession) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth accepts the password, except the first time.
func (s *unkindSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, password string) error {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		if !s.server.refused || password != seededMail {
			s.server.refused = true
			return &smtp.SMTPError{Code: 535, Message: "wrong password " + password}
		}
		return nil
	}), nil
}

// Mail accepts any sender.
func (*unkindSession) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt accepts any recipient.
func (*unkindSession) Rcpt(string, *smtp.RcptOptions) error { return nil }

// Data keeps the mail.
func (s *unkindSession) Data(r io.Reader) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.count++
	_, err := io.Copy(&s.server.mails, r)
	return err
}

// Reset does nothing.
func (*unkindSession) Reset() {}

// Logout does nothing.
func (*unkindSession) Logout() error { return nil }
