package stripesim

import (
	"encoding/json"
	"sync"
)

// Server is one simulated Stripe account, with its connected accounts. It is an http.Handler, safe
// for concurrent use: requests change the state one at a time.
type Server struct {
	opts   Options
	random *source
	routes []route

	mu        sync.Mutex // guards state, connected, closed and watching
	state     state
	connected map[string]*Server // by account
	platform  *Server            // of a connected account; nil for the platform's own
	closed    bool
	watching  bool // a look for payments whose processing is over is planned

	keys     *keyStore
	faults   *faultSet
	delivery *dispatcher
}

// New makes a simulator. Nothing runs in the background until an event has a webhook endpoint to be
// sent to; call Close to stop deliveries.
func New(options Options) *Server {
	options = options.withDefaults()
	s := &Server{opts: options, random: newSource(options.Seed), state: newState(), routes: routes(), connected: map[string]*Server{}}
	s.keys = newKeyStore(options.KeyLifetime, options.Now)
	s.faults = newFaultSet(s.random)
	s.delivery = newDispatcher(s)
	for _, hook := range options.Webhooks {
		s.AddWebhook(hook)
	}
	return s
}

// Close stops all deliveries, waits for those in flight, and drops the rest. Requests are still
// answered; events after Close are recorded, not delivered. It may be called more than once.
func (s *Server) Close() {
	for _, one := range s.accounts() {
		one.Close()
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.delivery.close()
}

// AddWebhook registers an endpoint for the events from now on, and returns its
// id (we_...) and signing secret.
func (s *Server) AddWebhook(hook WebhookEndpoint) (id, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.newEndpoint(hook)
	return made.id, made.secret
}

// PaymentIntents returns every PaymentIntent in Stripe's own JSON, oldest first.
func (s *Server) PaymentIntents() []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []json.RawMessage
	for _, intent := range s.state.paymentIntents.oldestFirst() {
		out = append(out, encode(intent.view()))
	}
	return out
}

// encode renders an object, whose types can always be marshaled.
func encode(value any) json.RawMessage {
	raw, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage(`null`)
	}
	return raw
}

func (s *Server) now() int64 { return s.opts.Now().Unix() }
