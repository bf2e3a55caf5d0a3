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

// letter is a mail as a customer gets it.
type letter struct {
	MessageID string
	To        string
	Subject   string
	Body      string
	At        time.Time // real time of the first delivery
}

// mailServer takes mails. One that comes again under its Message-ID is dropped, as mail servers do, and counted apart.
// While there is trouble it now and then asks to come back later, or takes a mail and breaks off before it says so.
type mailServer struct {
	Addr   string
	server *smtp.Server
	arrive func(letter)

	mu          sync.Mutex
	random      *rand.Rand
	trouble     float64
	taken       map[string]letter
	redelivered int
	injected    map[string]int
}

// newMailServer opens a mail server; arrive is called with every mail that is new, and must not block.
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

// close ends the server.
func (s *mailServer) close() { _ = s.server.Close() }

// disturb sets how likely trouble is, from 0 to 1.
func (s *mailServer) disturb(likely float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = likely
}

// mailbox is what the server has seen.
type mailbox struct {
	Letters     []letter
	Redelivered int
	Injected    map[string]int
}

// box returns what the server has seen so far.
func (s *mailServer) box() mailbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := mailbox{Redelivered: s.redelivered, Injected: maps.Clone(s.injected)}
	for _, m := range s.taken {
		b.Letters = append(b.Letters, m)
	}
	return b
}

// trip draws what goes wrong with one mail: nothing, most of the time.
func (s *mailServer) trip() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.random.Float64() >= s.trouble {
		return ""
	}
	kind := pick(s.random, "mail_try_later", "mail_answer_lost")
	s.injected[kind]++
	return kind
}

// take keeps a mail that is new.
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

// Mail takes any sender.
func (*mailSession) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt takes any recipient.
func (d *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = to
	return nil
}

// Data takes a mail.
func (d *mailSession) Data(r io.Reader) error {
	m, err := readLetter(r)
	if err != nil {
		return err
	}
	trip := d.server.trip()
	if trip == "mail_try_later" {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try again later"}
	}
	m.To = d.to
	d.server.take(m)
	if trip == "mail_answer_lost" {
		return errors.Join(errors.New("the connection breaks"), d.conn.Close())
	}
	return nil
}

// readLetter reads a mail as its reader sees it who has no HTML.
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

// isText says whether a part of a mail is plain text, which one that says nothing is (RFC 2045, 5.2).
func isText(h *mail.InlineHeader) bool {
	kind, _, err := h.ContentType()
	return err == nil && kind == "text/plain"
}

// Reset forgets the recipient.
func (d *mailSession) Reset() { d.to = "" }

// Logout ends the connection.
func (*mailSession) Logout() error { return nil }
