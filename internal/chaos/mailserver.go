package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"
)

// letter is a mail as the customer receives it.
type letter struct {
	MessageID string
	To        string
	Subject   string
	Body      string
	At        time.Time // real time of the first delivery
	Arrived   time.Time // simulated time of the first delivery
}

// mailServer receives mails. A duplicate with the same Message-ID is dropped, as mail servers do,
// and counted separately. While faults are injected, the server sometimes asks to try again later,
// or accepts a mail and closes the connection before it answers.
type mailServer struct {
	Addr   string
	server *smtp.Server
	arrive func(letter)

	mu          sync.Mutex
	random      *rand.Rand
	rate        float64
	closedUntil time.Time // real time until which all mail is rejected
	taken       map[string]letter
	redelivered int
	injected    map[string]int
}

// newMailServer starts a mail server. It calls arrive with every new mail; arrive must not block.
func newMailServer(ctx context.Context, random *rand.Rand, arrive func(letter)) (*mailServer, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &mailServer{Addr: l.Addr().String(), arrive: arrive, random: random, taken: map[string]letter{}, injected: map[string]int{}}
	s.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &mailSession{server: s, conn: c.Conn()}, nil
	}))
	s.server.Domain, s.server.ErrorLog = "localhost", quiet
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

// close stops the server.
func (s *mailServer) close() { _ = s.server.Close() }

// disturb sets the probability of a fault, from 0 to 1.
func (s *mailServer) disturb(likely float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rate = likely
}

// tryLater is the fault of a server that rejects a mail temporarily.
const tryLater = "mail_try_later"

// away makes the server reject all mail for a while, so that mails are delayed until they may be
// out of date.
func (s *mailServer) away(ctx context.Context, within time.Duration) error {
	s.mu.Lock()
	s.closedUntil = wall().Add(within)
	s.mu.Unlock()
	pause(ctx, within)
	return nil
}

// mailbox is what the server has received.
type mailbox struct {
	Letters     []letter
	Redelivered int
	Injected    map[string]int
}

// box returns what the server has received so far.
func (s *mailServer) box() mailbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := mailbox{Redelivered: s.redelivered, Injected: maps.Clone(s.injected)}
	for _, m := range s.taken {
		b.Letters = append(b.Letters, m)
	}
	return b
}

// trip draws the fault for one mail: usually none.
func (s *mailServer) trip() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closedUntil.After(wall()) {
		return tryLater
	}
	if s.random.Float64() >= s.rate {
		return ""
	}
	kind := pick(s.random, tryLater, "mail_answer_lost")
	s.injected[kind]++
	return kind
}

// take stores a mail unless it is a duplicate.
func (s *mailServer) take(m letter) {
	s.mu.Lock()
	_, again := s.taken[m.MessageID]
	if again {
		s.redelivered++
	} else {
		s.taken[m.MessageID] = m
	}
	s.mu.Unlock()
	if !again {
		s.arrive(m)
	}
}

// mailSession is one connection to the server.
type mailSession struct {
	server *mailServer
	conn   net.Conn
	to     string
}

// Mail accepts any sender.
func (*mailSession) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt accepts any recipient.
func (d *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = to
	return nil
}

// Data receives a mail.
func (d *mailSession) Data(r io.Reader) error {
	m, err := readLetter(r)
	if err != nil {
		return err
	}
	trip := d.server.trip()
	if trip == tryLater {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try again later"}
	}
	m.To = d.to
	d.server.take(m)
	if trip == "mail_answer_lost" {
		return errors.Join(errors.New("the connection breaks"), d.conn.Close())
	}
	return nil
}

// readLetter parses a mail as a reader without HTML sees it.
func readLetter(r io.Reader) (letter, error) {
	m, err := mail.CreateReader(r)
	if err != nil {
		return letter{}, err
	}
	defer func() { _ = m.Close() }()
	l := letter{At: wall()}
	if l.MessageID, err = m.Header.MessageID(); err != nil {
		return letter{}, err
	}
	if l.Subject, err = m.Header.Subject(); err != nil {
		return letter{}, err
	}
	for {
		part, err := m.NextPart()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return letter{}, err
		}
		if h, inline := part.Header.(*mail.InlineHeader); !inline || !isText(h) {
			continue
		}
		text, err := io.ReadAll(part.Body)
		if err != nil {
			return letter{}, err
		}
		l.Body = string(text)
	}
}

// isText reports whether a part of a mail is plain text, the default of RFC 2045, 5.2.
func isText(h *mail.InlineHeader) bool {
	kind, _, err := h.ContentType()
	return err == nil && kind == "text/plain"
}

// Reset clears the recipient.
func (d *mailSession) Reset() { d.to = "" }

// Logout ends the connection.
func (*mailSession) Logout() error { return nil }
