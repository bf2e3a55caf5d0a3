package notify_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// mailServer is a real SMTP server that keeps what it takes.
type mailServer struct {
	mu      sync.Mutex
	mails   []received
	user    string // who must log in; empty: nobody
	mailErr error
	rcptErr error
	dataErr error
	sawTLS  bool
}

type received struct {
	from string
	to   []string
	data []byte
}

func (s *mailServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, s.sawTLS = c.TLSConnectionState()
	return &session{server: s}, nil
}

type session struct {
	server   *mailServer
	mail     received
	loggedIn bool
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.user != "" && !s.loggedIn {
		return &smtp.SMTPError{Code: 530, Message: "log in first"}
	}
	s.mail.from = from
	return s.server.mailErr
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.to = append(s.mail.to, to)
	return s.server.rcptErr
}

func (s *session) Data(r io.Reader) error {
	var err error
	if s.mail.data, err = io.ReadAll(r); err != nil {
		return err
	}
	if s.server.dataErr != nil {
		return s.server.dataErr
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.mail)
	return nil
}

func (s *session) Reset() {}

func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != s.server.user || password != "hunter2" {
			return &smtp.SMTPError{Code: 535, Message: "wrong password " + password} // some servers are that unkind
		}
		s.loggedIn = true
		return nil
	}), nil
}

// certificate is one for 127.0.0.1, with a client configuration that trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	transport, ok := srv.Client().Transport.(*http.Transport)
	require.True(t, ok)
	return &tls.Config{Certificates: srv.TLS.Certificates}, transport.TLSClientConfig
}

type kind int

const (
	plain kind = iota
	startTLS
	implicitTLS
)

// serve starts the server and returns its host:port and what trusts its certificate.
func serve(t *testing.T, backend *mailServer, k kind) (addr string, trust *tls.Config) {
	t.Helper()
	serverTLS, trust := certificate(t)
	s := smtp.NewServer(backend)
	s.Domain, s.ErrorLog = "mail.example.com", log.New(io.Discard, "", 0)
	s.AllowInsecureAuth = k == plain
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	switch k {
	case startTLS:
		s.TLSConfig = serverTLS
	case implicitTLS:
		l = tls.NewListener(l, serverTLS)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String(), trust
}
