package queue

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"

	"tranche/internal/clock"
)

// embeddedTick is how often the clock of the embedded Redis is advanced.
const embeddedTick = 500 * time.Millisecond

// Embedded is a Redis inside this process, for one machine. It loses its content in a restart,
// which is harmless: the scheduler finds every row again.
type Embedded struct {
	server  *miniredis.Miniredis
	options asynq.RedisConnOpt
	done    chan struct{} // closed to stop the clock
	stopped chan struct{} // closed when it has stopped
}

// StartEmbedded starts an embedded Redis on a free loopback port, with a password of its own, and
// returns once it answers.
func StartEmbedded() (*Embedded, error) {
	server := miniredis.NewMiniRedis()
	password := rand.Text() // other users of the machine can reach the port
	server.RequireAuth(password)
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start embedded queue: %w", err)
	}
	u := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: server.Addr()}
	options, err := Options(u.String())
	if err != nil {
		server.Close()
		return nil, fmt.Errorf("start embedded queue: %w", err)
	}
	e := &Embedded{server: server, options: options, done: make(chan struct{}), stopped: make(chan struct{})}
	go e.passTime()
	return e, nil
}

// Options returns how to connect to it.
func (e *Embedded) Options() asynq.RedisConnOpt { return e.options }

// Close stops the server and drops its tasks. It must be called once, after the last client is
// closed.
func (e *Embedded) Close() {
	close(e.done)
	<-e.stopped
	e.server.Close()
}

// passTime makes keys expire: miniredis has no clock of its own for that, and asynq's locks and
// heartbeats would never expire.
func (e *Embedded) passTime() {
	defer close(e.stopped)
	tick := time.NewTicker(embeddedTick)
	defer tick.Stop()
	var wall clock.Clock
	last := wall.Wall()
	for {
		select {
		case <-e.done:
			return
		case <-tick.C:
			now := wall.Wall()
			e.server.FastForward(now.Sub(last))
			last = now
		}
	}
}
