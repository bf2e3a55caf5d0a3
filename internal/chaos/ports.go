package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports of services that are restarted lie below those that systems hand out to outgoing connections: while a service is
// down, nobody gets its port by chance.
const (
	firstPort = 21000
	lastPort  = 29999
)

// ports hands out loopback ports.
type ports struct{ taken map[int]bool }

// next finds a port that is free.
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

// some finds several.
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
