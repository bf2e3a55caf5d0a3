package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Services that restart use ports below the range from which systems assign outgoing connections.
// No other process gets the port of a service that is down.
const (
	firstPort = 21000
	lastPort  = 29999
)

// ports assigns loopback ports.
type ports struct{ taken map[int]bool }

// next returns a free port.
func (p *ports) next(ctx context.Context) (string, error) {
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort) //nolint:gosec // any free port will do
		if p.taken[port] {
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		p.taken[port] = true
		return strconv.Itoa(port), l.Close()
	}
	return "", errors.New("no free port on 127.0.0.1")
}

// some returns several free ports.
func (p *ports) some(ctx context.Context, n int) ([]string, error) {
	list := make([]string, n)
	for i := range list {
		port, err := p.next(ctx)
		if err != nil {
			return nil, fmt.Errorf("port %d of %d: %w", i+1, n, err)
		}
		list[i] = port
	}
	return list, nil
}
