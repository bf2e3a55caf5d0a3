package stripesim

import (
	"net/http"
	"slices"
	"strings"
)

// Connect gives the platform a connected account (acct_...), or returns it when it is there: a
// Server of its own, with its own objects and idempotency keys. Requests reach it by the header
// Stripe-Account; its events go to the platform's endpoints that listen to connected accounts, and
// name it.
func (s *Server) Connect(account string) *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.connected[account]; ok {
		return known
	}
	options := s.opts
	options.Account.ID, options.Webhooks = account, nil
	made := &Server{opts: options, random: s.random, routes: s.routes, state: newState(), faults: s.faults, platform: s}
	made.keys = newKeyStore(options.KeyLifetime, options.Now)
	made.delivery = newDispatcher(made)
	s.connected[account] = made
	return made
}

// Disconnect takes the platform's access to a connected account back, as its owner may; Connect
// begins a new one.
func (s *Server) Disconnect(account string) {
	s.mu.Lock()
	gone := s.connected[account]
	delete(s.connected, account)
	s.mu.Unlock()
	if gone != nil {
		gone.Close()
	}
}

// accounts are the connected ones, by id. A connected account's lock may be held while the
// platform's is taken, never the other way round: so they are listed first and worked on
// afterwards.
func (s *Server) accounts() []*Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Server, 0, len(s.connected))
	for _, one := range s.connected {
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b *Server) int { return strings.Compare(a.opts.Account.ID, b.opts.Account.ID) })
	return out
}

// acting is the account that a request is for; nil when the platform has no such one.
func (s *Server) acting(account string) *Server {
	if account == "" || account == s.opts.Account.ID {
		return s
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connected[account]
}

// accountOf renders the account of that id, where the platform has it; nil elsewhere. The caller
// holds the lock.
func (s *Server) accountOf(id string) object {
	if id == s.opts.Account.ID {
		return s.accountView()
	}
	home := s
	if s.platform != nil {
		home = s.platform
		home.mu.Lock()
		defer home.mu.Unlock()
	}
	if one, ok := home.connected[id]; ok {
		return one.accountView()
	}
	return nil
}

// name is the connected account's id; empty for the platform.
func (s *Server) name() string {
	if s.platform == nil {
		return ""
	}
	return s.opts.Account.ID
}

// noAccess is Stripe's answer to a Stripe-Account that the key's account is not connected to.
func noAccess(account string) *apiError {
	return newError(http.StatusForbidden, "invalid_request_error", "account_invalid", "The provided key does not have access to account '"+
		account+"' (or that account does not exist). Application access may have been revoked.").notSaved()
}

// listeners are the endpoints that want an event of this account, as they are now. The caller holds
// the account's lock.
func (s *Server) listeners(kind string) []*endpoint {
	home := s
	if s.platform != nil {
		home = s.platform
		home.mu.Lock()
		defer home.mu.Unlock()
	}
	var out []*endpoint
	for _, hook := range home.state.endpoints.oldestFirst() {
		if hook.connect == (s.platform != nil) && hook.wants(kind) {
			seen := *hook
			out = append(out, &seen)
		}
	}
	return out
}
