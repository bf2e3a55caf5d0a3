package stripesim

import (
	"net/http"
	"slices"
	"strings"
)

// Connect returns a connected account (acct_...) of the platform, and creates it if it does not
// exist: a Server with its own objects and idempotency keys. Requests address it with the header
// Stripe-Account. Its events, which name it, go to the platform's endpoints that listen to
// connected accounts.
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

// Disconnect revokes the platform's access to a connected account, as its owner may; Connect
// creates a new one.
func (s *Server) Disconnect(account string) {
	s.mu.Lock()
	gone := s.connected[account]
	delete(s.connected, account)
	s.mu.Unlock()
	if gone != nil {
		gone.Close()
	}
}

// accounts returns the connected accounts, by id. A connected account's lock may be held while the
// platform's is taken, never the other way round, so callers list the accounts first and use them
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

// acting returns the account that a request is for; nil if the platform has no such account.
func (s *Server) acting(account string) *Server {
	if account == "" || account == s.opts.Account.ID {
		return s
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connected[account]
}

// accountOf renders the account with that id; nil if the platform does not have it. The caller
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

// name returns the connected account's id; "" for the platform.
func (s *Server) name() string {
	if s.platform == nil {
		return ""
	}
	return s.opts.Account.ID
}

// noAccess returns Stripe's error for a Stripe-Account that is not connected to the key's account.
func noAccess(account string) *apiError {
	return newError(http.StatusForbidden, "invalid_request_error", "account_invalid", "The provided key does not have access to account '"+
		account+"' (or that account does not exist). Application access may have been revoked.").notSaved()
}

// listeners returns the endpoints that currently receive this type of event of this account. The
// caller holds the account's lock.
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
