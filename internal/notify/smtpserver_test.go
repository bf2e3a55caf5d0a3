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

// mailServer is a real SMTP server that stores the mails it accepts.
type mailServer struct {
	mu      sync.Mutex
	mails   []received
	user    string // the required user; empty for no login
	mailErr error
	rcptErr error
	dataErr error
	sawTLS  bool
	conns   map[*smtp.Conn]bool // true while it is open
}

// last returns the latest mail.
func (s *mailServer) last() received {
	all := s.all()
	return all[len(all)-1]
}

// all returns the mails so far.
func (s *mailServer) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received{}, s.mails...)
}

// connections returns the number of connections so far; open returns those that are open.
func (s *mailServer) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *mailServer) open() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, open := range s.conns {
		if open {
			n++
		}
	}
	return n
}

// hangUp breaks every connection.
func (s *mailServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Conn().Close()
	}
}

// refuse sets the reply to a command from now on: mail, rcpt or data. Nil accepts it.
func (s *mailServer) refuse(command string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch command {
	case "mail":
		s.mailErr = err
	case "rcpt":
		s.rcptErr = err
	case "data":
		s.dataErr = err
	}
}

// faults returns the current replies.
func (s *mailServer) faults() (mail, rcpt, data error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mailErr, s.rcptErr, s.dataErr
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
	if s.conns == nil {
		s.conns = map[*smtp.Conn]bool{}
	}
	s.conns[c] = true
	return &session{server: s, conn: c}, nil
}

type session struct {
	server   *mailServer
	conn     *smtp.Conn
	mail     received
	loggedIn bool
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.user != "" && !s.loggedIn {
		return &smtp.SMTPError{Code: 530, Message: "log in first"}
	}
	s.mail.from = from
	fault, _, _ := s.server.faults()
	return fault
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.to = append(s.mail.to, to)
	_, fault, _ := s.server.faults()
	return fault
}

func (s *session) Data(r io.Reader) error {
	var err error
	if s.mail.data, err = io.ReadAll(r); err != nil {
		return err
	}
	if _, _, err := s.server.faults(); err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.mail)
	return nil
}

func (s *session) Reset() { s.mail = received{} }

func (s *session) Logout() error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.conns[s.conn] = false
	return nil
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != s.server.user || password != "hunter2" {
			return &smtp.SMTPError{Code: 535, Message: "wrong password " + password} // some servers do repeat it
		}
		s.loggedIn = true
		return nil
	}), nil
}

// certificate returns a certificate for 127.0.0.1, with a client configuration that trusts it.
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

// serve starts the server and returns its host:port and a configuration that trusts its
// certificate.
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
