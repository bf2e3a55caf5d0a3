package main

import (
	"io"
	"log"
	"net"
	"net/mail"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// mailSink is a mail server that accepts every mail and keeps the facts that tests count.
type mailSink struct {
	addr string

	mu    sync.Mutex
	mails []sunkMail
}

// sunkMail is a mail that the server has accepted.
type sunkMail struct {
	messageID, to, subject string
	at                     time.Time
}

// newMailSink starts a mail server until the test ends.
func newMailSink(t *testing.T) *mailSink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &mailSink{addr: l.Addr().String()}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &sinkSession{sink: s}, nil }))
	server.Domain = "localhost"
	server.ErrorLog = log.New(io.Discard, "", 0) // the tests kill senders on purpose
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

// taken returns the mails so far.
func (s *mailSink) taken() []sunkMail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sunkMail{}, s.mails...)
}

// sinkSession is one connection to the server.
type sinkSession struct {
	sink *mailSink
	to   string
}

// Mail accepts any sender.
func (*sinkSession) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt accepts any recipient.
func (d *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = to
	return nil
}

// Data accepts a mail.
func (d *sinkSession) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, m.Body); err != nil {
		return err
	}
	d.sink.mu.Lock()
	defer d.sink.mu.Unlock()
	d.sink.mails = append(d.sink.mails, sunkMail{m.Header.Get("Message-ID"), d.to, m.Header.Get("Subject"), time.Now()})
	return nil
}

// Reset forgets the recipient.
func (d *sinkSession) Reset() { d.to = "" }

// Logout ends the connection.
func (*sinkSession) Logout() error { return nil }
