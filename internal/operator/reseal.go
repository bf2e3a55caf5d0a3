package operator

import (
	"context"
	"errors"
	"time"

	"tranche/internal/billing"
)

// SealedSecrets counts how the secrets of all endpoints are sealed. A secret that has expired is
// counted in Expired only.
type SealedSecrets struct {
	Newest int // sealed with the newest key
	Older  int // sealed with another configured key
	// Expired counts rotated secrets that no longer sign.
	Expired int
	// Unopened lists the endpoints with a valid secret that no key opens.
	Unopened []billing.Endpoint
	// Silent lists the enabled endpoints of Unopened without another secret: no message reaches them.
	Silent []billing.Endpoint
}

// resealTries is how often an endpoint is read at most if it changes at the same time.
const resealTries = 10

// Sealed reads the secrets of all endpoints. Nothing is changed.
func (o *Endpoints) Sealed(ctx context.Context) (SealedSecrets, error) {
	endpoints, err := o.Store.Endpoints(ctx)
	var found SealedSecrets
	for _, e := range endpoints {
		found.add(e, o.look(e))
	}
	return found, err
}

// Reseal seals every valid secret with the newest key, drops expired ones, and returns what it
// found: secrets counted in Older and Expired were changed, those in Unopened can't be. It may run
// while messages are sent, and again after an interruption. at is called after each endpoint.
func (o *Endpoints) Reseal(ctx context.Context, at func(done, of int)) (SealedSecrets, error) {
	var found SealedSecrets
	endpoints, err := o.Store.Endpoints(ctx)
	if err != nil {
		return found, err
	}
	for i, e := range endpoints {
		e, seen, err := o.resealOne(ctx, e)
		if errors.Is(err, billing.ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return found, err
		}
		found.add(e, seen)
		at(i+1, len(endpoints))
	}
	return found, nil
}

// resealOne reseals the secrets of one endpoint, and starts again if the endpoint changes
// meanwhile.
func (o *Endpoints) resealOne(ctx context.Context, e billing.Endpoint) (billing.Endpoint, sealing, error) {
	for try := 1; ; try++ {
		seen := o.look(e)
		resealed, changed, err := o.resealed(e, seen)
		if err != nil || !changed {
			return e, seen, err
		}
		err = o.Store.UpdateEndpointSecrets(ctx, resealed, resealedEntry(resealed, seen))
		if !errors.Is(err, billing.ErrConflict) || try == resealTries {
			return e, seen, err
		}
		if e, err = o.Store.Endpoint(ctx, e.ID); err != nil {
			return e, seen, err
		}
	}
}

// resealed returns the endpoint with every secret that opens sealed with the newest key, and
// reports whether anything changed.
func (o *Endpoints) resealed(e billing.Endpoint, seen sealing) (billing.Endpoint, bool, error) {
	var err error
	changed := false
	for i, sealed := range []*string{&e.Secret, &e.OldSecret} {
		if seen.secrets[i].state != sealedOlder {
			continue
		}
		changed = true
		if *sealed, err = o.seal(e.ID, seen.secrets[i].opened); err != nil {
			return e, false, err
		}
	}
	if seen.secrets[1].state == sealedExpired {
		e.OldSecret, e.OldUntil, changed = "", time.Time{}, true
	}
	if changed {
		e.UpdatedAt = o.Clock.Now()
	}
	return e, changed, nil
}

// add counts the secrets of one endpoint.
func (s *SealedSecrets) add(e billing.Endpoint, seen sealing) {
	opens, unopened := false, false
	for _, secret := range seen.secrets {
		opens = opens || secret.opens()
		switch secret.state {
		case sealedNone:
		case sealedNewest:
			s.Newest++
		case sealedOlder:
			s.Older++
		case sealedUnknown:
			unopened = true
		case sealedExpired:
			s.Expired++
		}
	}
	if unopened {
		s.Unopened = append(s.Unopened, e)
	}
	if !opens && e.Status == billing.EndpointEnabled {
		s.Silent = append(s.Silent, e)
	}
}
