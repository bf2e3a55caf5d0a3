package outbox

import (
	"sync"

	"tranche/internal/billing"
)

// probes limits each process to one message at a time to a failing endpoint. Otherwise thousands of
// messages to an endpoint that hangs would keep the process from the endpoints that work. The zero
// value is ready to use.
type probes struct {
	mu       sync.Mutex
	inFlight map[billing.EndpointID]int
}

// enter reports whether a message may be sent now. If alone is set, the message may not be sent
// while another one to the endpoint is in flight. If ok, the caller calls leave afterwards.
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

// leave ends what enter began.
func (p *probes) leave(id billing.EndpointID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inFlight[id]--; p.inFlight[id] == 0 {
		delete(p.inFlight, id)
	}
}
