package notify

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/wneessen/go-mail"
)

const (
	// maxConnections limits one process's connections to the mail server: small servers allow ten from
	// one address.
	maxConnections = 5
	// maxPerConnection is how many mails use one connection, because servers close long connections.
	maxPerConnection = 100
	// idleTime is how long a connection is kept for the next mail. Servers wait at least five minutes
	// (RFC 5321, 4.5.3.2.7).
	idleTime = 20 * time.Second
)

// connection is a logged-in connection to the mail server. It carries one mail at a time.
type connection struct {
	client *mail.Client
	wire   net.Conn
	sent   int
	expiry *time.Timer // closes it while it is idle; nil while in use
}

// send sends one mail. The connection is closed when ctx ends, because go-mail ignores the context
// while it sends.
func (c *connection) send(ctx context.Context, msg *mail.Msg) error {
	stop := context.AfterFunc(ctx, func() { _ = c.wire.Close() })
	defer stop()
	c.sent++
	return c.client.Send(msg)
}

// close sends QUIT, unless the connection is broken, and closes the connection.
func (c *connection) close(broken bool) {
	if !broken {
		stop := time.AfterFunc(time.Second, func() { _ = c.wire.Close() }) // limits the wait for the answer to QUIT
		_ = c.client.Close()
		stop.Stop()
	}
	_ = c.wire.Close()
}

// pool keeps connections open for the next mail. It is safe for concurrent use.
type pool struct {
	dial  func(ctx context.Context) (*connection, error)
	slots chan struct{} // one for each connection in use

	mu     sync.Mutex
	idle   []*connection
	closed bool
}

func newPool(dial func(ctx context.Context) (*connection, error)) *pool {
	return &pool{dial: dial, slots: make(chan struct{}, maxConnections)}
}

// send sends a mail over an open connection or a new one. A connection that the server closed
// meanwhile is detected before the mail starts, so the mail uses the next connection and is never
// sent twice.
func (p *pool) send(ctx context.Context, msg *mail.Msg) error {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.slots }()
	for {
		c := p.take()
		reused := c != nil
		if !reused {
			var err error
			if c, err = p.dial(ctx); err != nil {
				return err
			}
		}
		err := c.send(ctx, msg)
		if err == nil && c.sent < maxPerConnection {
			p.put(c)
			return nil
		}
		c.close(err != nil)
		if !reused || !neverBegun(err) || ctx.Err() != nil {
			return err
		}
	}
}

// neverBegun reports whether the connection broke before any part of the mail was sent.
func neverBegun(err error) bool {
	var failed *mail.SendError
	return errors.As(err, &failed) && failed.Reason == mail.ErrConnCheck
}

// take returns the most recently used idle connection, or nil.
func (p *pool) take() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := len(p.idle) - 1
		c := p.idle[last]
		p.idle = p.idle[:last]
		if c.expiry.Stop() { // otherwise it is being closed
			return c
		}
	}
	return nil
}

// put keeps a connection for the next mail, for a while.
func (p *pool) put(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || c.wire.SetDeadline(time.Time{}) != nil {
		go c.close(false)
		return
	}
	c.expiry = time.AfterFunc(idleTime, func() { p.expire(c) })
	p.idle = append(p.idle, c)
}

// expire closes a connection that was idle for too long.
func (p *pool) expire(c *connection) {
	p.mu.Lock()
	for i, other := range p.idle {
		if other == c {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	c.close(false)
}

// close closes the idle connections at once, and those in use after their mail.
func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		if c.expiry.Stop() {
			c.close(false)
		}
	}
}
