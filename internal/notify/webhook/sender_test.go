package webhook_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/notify/webhook"
)

// arrival is a request that a receiver received.
type arrival struct {
	header http.Header
	body   []byte
}

// receiver is a merchant's server that records its requests and gives preset answers.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []arrival
	then http.HandlerFunc
}

func newReceiver(t *testing.T, then http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{then: then}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP records the request and answers.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.got = append(r.got, arrival{req.Header.Clone(), body})
	r.mu.Unlock()
	if r.then != nil {
		r.then(w, req)
	}
}

func (r *receiver) arrived() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

// verified checks a request as the receiver's own code does.
func (a arrival) verified(secret billing.Secret) error {
	wh, err := standardwebhooks.NewWebhook(secret.Reveal())
	if err != nil {
		return err
	}
	return wh.Verify(a.body, a.header)
}

func sealed(t *testing.T, id billing.EndpointID, s billing.Secret) string {
	t.Helper()
	text, err := keyring(t, linkKey).Seal(id, s)
	require.NoError(t, err)
	return text
}

func endpoint(t *testing.T, url string, s billing.Secret) billing.Endpoint {
	t.Helper()
	return billing.Endpoint{ID: "ep_1", URL: url, Secret: sealed(t, "ep_1", s), Status: billing.EndpointEnabled}
}

func sender(t *testing.T, allowPrivate bool) *webhook.Sender {
	t.Helper()
	s := webhook.NewSender(webhook.Config{Keys: keyring(t, linkKey), AllowPrivate: allowPrivate})
	t.Cleanup(s.Close)
	return s
}

var paid = billing.Message{ID: "msg_1", Type: "charge.succeeded", Payload: []byte(`{"id": "msg_1", "data": {"reference": "é"}}`)}

func TestSend_SignedMessage(t *testing.T) {
	t.Parallel()
	r, secret := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), webhook.NewSecret()
	status, err := sender(t, true).Send(t.Context(), endpoint(t, r.URL+"/hook?token=x", secret), paid)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status)
	got := r.arrived()
	require.Len(t, got, 1)
	require.NoError(t, got[0].verified(secret))
	require.Error(t, got[0].verified(webhook.NewSecret()))
	require.Equal(t, paid.Payload, got[0].body)
	require.Equal(t, "msg_1", got[0].header.Get("webhook-id"))
	require.Equal(t, "application/json", got[0].header.Get("Content-Type"))
	require.Equal(t, "Tranche", got[0].header.Get("User-Agent"))
	at, err := strconv.ParseInt(got[0].header.Get("webhook-timestamp"), 10, 64)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), time.Unix(at, 0), time.Minute)
	changed := got[0]
	changed.body = append([]byte(" "), changed.body...)
	require.Error(t, changed.verified(secret))
}

// TestSend_SignatureHasTheRealTime: the charges' clock may be months ahead, and receivers reject
// old and future messages.
func TestSend_SignatureHasTheRealTime(t *testing.T) {
	t.Parallel()
	r, secret := newReceiver(t, nil), webhook.NewSecret()
	s := webhook.NewSender(webhook.Config{Keys: keyring(t, linkKey), AllowPrivate: true, Clock: clock.New(time.Now().Add(-time.Hour), 86400, nil)})
	defer s.Close()
	_, err := s.Send(t.Context(), endpoint(t, r.URL, secret), paid)
	require.NoError(t, err)
	require.NoError(t, r.arrived()[0].verified(secret))
}

func TestSend_BothSecretsDuringRotation(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Millisecond)
	old, fresh := webhook.NewSecret(), webhook.NewSecret()
	r := newReceiver(t, nil)
	e := endpoint(t, r.URL, fresh)
	e.OldSecret, e.OldUntil = sealed(t, e.ID, old), now.Add(24*time.Hour)
	at := now
	s := webhook.NewSender(webhook.Config{Keys: keyring(t, linkKey), AllowPrivate: true, Clock: clock.New(time.Time{}, 0, func() time.Time { return at })})
	defer s.Close()
	for _, step := range []struct {
		after time.Duration
		old   bool
	}{{0, true}, {24*time.Hour - time.Second, true}, {24 * time.Hour, false}} {
		at = now.Add(step.after)
		_, err := s.Send(t.Context(), e, paid)
		require.NoError(t, err)
		got := r.arrived()
		last := got[len(got)-1]
		for secret, want := range map[billing.Secret]bool{fresh: true, old: step.old} {
			wh, err := standardwebhooks.NewWebhook(secret.Reveal())
			require.NoError(t, err)
			require.Equal(t, want, wh.VerifyIgnoringTimestamp(last.body, last.header) == nil)
		}
	}
}

func TestSend_OnlySuccessAcknowledges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then   http.HandlerFunc
		status int
		says   string
	}{
		"gone": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }, 410, "answered 410"},
		"server error": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no\x00 \u202edisk\n left", http.StatusInternalServerError)
		}, 500, "answered 500: no disk left"},
		"long body": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			for range 1000 {
				_, _ = io.WriteString(w, strings.Repeat("word ", 200))
			}
		}, 400, "answered 400: word word"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, 302, "redirects are not followed"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "begun")
		}, 500, "answered 500: begun"},
		"no answer":   {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "no answer: EOF"},
		"long header": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, 0, "no answer: "},
		"too slow":    {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0, "no answer within 15s"},
		"slow to finish": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, c.then)
			s := sender(t, true)
			if strings.Contains(name, "slow") {
				s.Hasten(200 * time.Millisecond)
			}
			status, err := s.Send(t.Context(), endpoint(t, r.URL+"/hook?token=hidden", webhook.NewSecret()), paid)
			require.Equal(t, c.status, status)
			if c.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.says)
				require.LessOrEqual(t, len([]rune(err.Error())), 300)
				require.NotContains(t, err.Error(), "hidden", "the URL may contain the receiver's secrets")
			}
			require.Len(t, r.arrived(), 1, "once, with any answer")
		})
	}
}

func TestSend_ReceiverDown(t *testing.T) {
	t.Parallel()
	_, err := sender(t, true).Send(t.Context(), endpoint(t, "http://127.0.0.1:1/?token=hidden", webhook.NewSecret()), paid)
	require.EqualError(t, err, "no answer: dial: connection refused")
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = sender(t, true).Send(stopped, endpoint(t, "http://127.0.0.1:1/", webhook.NewSecret()), paid)
	require.Error(t, err)
}

func TestSend_UnreadableSecret(t *testing.T) {
	t.Parallel()
	e := endpoint(t, "https://shop.example/", webhook.NewSecret())
	for key, says := range map[string]string{"": "TRANCHE_SECRET_KEY is not set", linkKey + "1": "another TRANCHE_SECRET_KEY"} {
		s := webhook.NewSender(webhook.Config{Keys: keyring(t, key)})
		_, err := s.Send(t.Context(), e, paid)
		require.ErrorContains(t, err, says)
		s.Close()
	}
	e.Secret = sealed(t, e.ID, "whsec_not base 64")
	_, err := sender(t, false).Send(t.Context(), e, paid)
	require.ErrorContains(t, err, "rotate it")
	require.NotContains(t, err.Error(), "not base 64")
}

// TestSend_OneSecretOpens: of two secrets, one that opens is enough.
func TestSend_OneSecretOpens(t *testing.T) {
	t.Parallel()
	lost, err := keyring(t, linkKey+"lost").Seal("ep_1", webhook.NewSecret())
	require.NoError(t, err)
	secret, tomorrow := webhook.NewSecret(), time.Now().Add(24*time.Hour)
	opens := sealed(t, "ep_1", secret)
	for name, e := range map[string]billing.Endpoint{
		"the new one": {Secret: opens, OldSecret: lost, OldUntil: tomorrow},
		"the old one": {Secret: lost, OldSecret: opens, OldUntil: tomorrow},
	} {
		r := newReceiver(t, nil)
		e.ID, e.URL = "ep_1", r.URL
		_, err := sender(t, true).Send(t.Context(), e, paid)
		require.NoError(t, err, name)
		require.NoError(t, r.arrived()[0].verified(secret), name)
	}
	for name, e := range map[string]billing.Endpoint{
		"neither":      {Secret: lost, OldSecret: lost, OldUntil: tomorrow},
		"one too late": {Secret: lost, OldSecret: opens, OldUntil: time.Now().Add(-time.Second)},
	} {
		e.ID, e.URL = "ep_1", "http://127.0.0.1:1/"
		_, err := sender(t, true).Send(t.Context(), e, paid)
		require.ErrorContains(t, err, "another TRANCHE_SECRET_KEY", name)
	}
}

func TestSend_PrivateAddress(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	_, port, err := net.SplitHostPort(r.Listener.Addr().String())
	require.NoError(t, err)
	for _, url := range []string{r.URL, "https://127.0.0.1:" + port, "https://localhost:" + port} {
		_, err := sender(t, false).Send(t.Context(), endpoint(t, url, webhook.NewSecret()), paid)
		require.Error(t, err, url)
	}
	require.Empty(t, r.arrived())
}

// TestSend_ResolverFails keeps the resolver's address out of what a delivery shows.
func TestSend_ResolverFails(t *testing.T) {
	t.Parallel()
	s := sender(t, false)
	s.Resolve(&net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:1")
	}})
	_, err := s.Send(t.Context(), endpoint(t, "https://shop.example/", webhook.NewSecret()), paid)
	require.EqualError(t, err, "no answer: the host's name could not be resolved")
}

// TestSend_DNSRebinding: the name resolved to a public address when the endpoint was created.
func TestSend_DNSRebinding(t *testing.T) {
	t.Parallel()
	var calls int
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	for _, address := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "fd00:ec2::254"} {
		e := endpoint(t, "https://example.com:"+port+"/", webhook.NewSecret())
		s := sender(t, false)
		s.Resolve(resolver(t, netip.MustParseAddr(address)))
		_, err := s.Send(t.Context(), e, paid)
		require.ErrorContains(t, err, "is not an address on the Internet", address)
		require.NotContains(t, err.Error(), address, "the address of a host name is not shown")
	}
	require.Zero(t, calls)

	allowed := sender(t, true)
	allowed.Trust(pool)
	allowed.Resolve(resolver(t, netip.MustParseAddr("127.0.0.1")))
	status, err := allowed.Send(t.Context(), endpoint(t, "https://example.com:"+port+"/", webhook.NewSecret()), paid)
	require.NoError(t, err)
	require.Equal(t, []int{200, 1}, []int{status, calls}, "the same address, if it is allowed")
}

// TestSend_NoProxy: a proxy would resolve the name itself.
func TestSend_NoProxy(t *testing.T) {
	proxy := newReceiver(t, nil)
	r := newReceiver(t, nil)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	t.Setenv("NO_PROXY", "")
	_, err := sender(t, true).Send(t.Context(), endpoint(t, r.URL, webhook.NewSecret()), paid)
	require.NoError(t, err)
	require.Empty(t, proxy.arrived())
}

// resolver answers every DNS query with one address.
func resolver(t *testing.T, address netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	go answer(conn, address)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func answer(conn net.PacketConn, address netip.Addr) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		var m dnsmessage.Message
		if err != nil || m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		reply := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}, Questions: m.Questions}
		header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch {
		case q.Type == dnsmessage.TypeA && address.Is4():
			reply.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: address.As4()}}}
		case q.Type == dnsmessage.TypeAAAA && address.Is6():
			reply.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}}}
		}
		if packed, err := reply.Pack(); err == nil {
			_, _ = conn.WriteTo(packed, from)
		}
	}
}
