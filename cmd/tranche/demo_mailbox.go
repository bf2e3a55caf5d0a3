package main

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"
)

// mailbox is a mail server on loopback that passes every mail to the demo's customers.
type mailbox struct {
	addr    string
	server  *smtp.Server
	arrived chan received
	mu      sync.Mutex
	mails   int
}

// received is the part of a mail that a customer reads.
type received struct{ to, text string }

func newMailbox(ctx context.Context) (*mailbox, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &mailbox{addr: l.Addr().String(), arrived: make(chan received, 1000)}
	m.server = smtp.NewServer(m)
	m.server.Domain = "localhost"
	m.server.ReadTimeout, m.server.WriteTimeout = 10*time.Second, 10*time.Second
	go func() { _ = m.server.Serve(l) }()
	return m, nil
}

// take counts a mail and passes it on.
func (m *mailbox) take(r received) {
	m.mu.Lock()
	m.mails++
	m.mu.Unlock()
	m.arrived <- r
}

// count returns the number of mails that arrived, copies included.
func (m *mailbox) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mails
}

func (m *mailbox) close() { _ = m.server.Close() }

// NewSession begins a delivery.
func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &delivery{box: m}, nil }

// delivery is one connection.
type delivery struct {
	box *mailbox
	to  string
}

// Mail accepts any sender.
func (d *delivery) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt accepts any recipient.
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = to
	return nil
}

// Data accepts a mail.
func (d *delivery) Data(r io.Reader) error {
	text, err := plainText(r)
	if err != nil {
		return err
	}
	d.box.take(received{to: d.to, text: text})
	return nil
}

// plainText returns the text part of a mail.
func plainText(r io.Reader) (string, error) {
	m, err := mail.CreateReader(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = m.Close() }()
	for {
		part, err := m.NextPart()
		if err != nil {
			return "", err // a mail has a text part
		}
		if h, inline := part.Header.(*mail.InlineHeader); inline && strings.HasPrefix(h.Get("Content-Type"), "text/plain") {
			text, err := io.ReadAll(part.Body)
			return string(text), err
		}
	}
}

// Reset forgets the recipient.
func (d *delivery) Reset() { d.to = "" }

// Logout ends the delivery.
func (d *delivery) Logout() error { return nil }
