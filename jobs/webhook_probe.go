package jobs

import (
	"sync"

	"tranche/internal/billing"
)

// probes lets one message at a time through to an endpoint that fails, in each process: ten
// thousand that wait for one that hangs would otherwise keep every worker from the endpoints that
// work. The zero value is ready.
type probes struct {
	mu       sync.Mutex
	inFlight map[billing.EndpointID]int
}

// enter says whether a message may be tried now, beside those that are; who may calls leave
// afterwards.
func (p *probes) enter(id billing.EndpointID, alone bool) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if alone && p.inFlight[id] > 0 {
		return nil, false
	}
	if p.inFlight == nil {
		p.inFlight = map[billing.EndpointID]int{}
	}
	p.inFlight[id]++
	return func() { p.leave(id) }, true
}

func (p *probes) leave(id billing.EndpointID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inFlight[id]--; p.inFlight[id] == 0 {
		delete(p.inFlight, id)
	}
}
