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
	// maxConnections bounds how many connections one process has to the mail server: small servers allow ten from one address.
	maxConnections = 5
	// maxPerConnection is how many mails go over one connection: servers end long ones on their own terms.
	maxPerConnection = 100
	// idleTime is how long a connection is kept for the next mail: servers wait five minutes at least (RFC 5321, 4.5.3.2.7).
	idleTime = 20 * time.Second
)

// connection is one to the mail server, logged in. One mail at a time goes over it.
type connection struct {
	client *mail.Client
	wire   net.Conn
	sent   int
	expiry *time.Timer // closes it while it is idle; nil while it is in use
}

// send hands one mail over. The connection breaks when ctx ends: go-mail looks at no context while it sends.
func (c *connection) send(ctx context.Context, msg *mail.Msg) error {
	stop := context.AfterFunc(ctx, func() { _ = c.wire.Close() })
	defer stop()
	c.sent++
	return c.client.Send(msg)
}

// close says goodbye, unless the connection is broken, and ends it.
func (c *connection) close(broken bool) {
	if !broken {
		stop := time.AfterFunc(time.Second, func() { _ = c.wire.Close() }) // a goodbye is not waited for
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

// send hands a mail over by a connection that is open, or by a new one. One that the server has closed meanwhile is found
// out before the mail is begun, so the mail goes by the next one and never twice.
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

// neverBegun says whether the connection was found broken before anything of the mail was sent.
func neverBegun(err error) bool {
	var failed *mail.SendError
	return errors.As(err, &failed) && failed.Reason == mail.ErrConnCheck
}

// take is an idle connection, the one used last; nil when there is none.
func (p *pool) take() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := len(p.idle) - 1
		c := p.idle[last]
		p.idle = p.idle[:last]
		if c.expiry.Stop() { // else it is being closed
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

// expire closes a connection that nobody needed.
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

// close ends the idle connections, and those in use when their mail is sent.
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
