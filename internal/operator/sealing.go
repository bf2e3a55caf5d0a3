package operator

import "tranche/internal/billing"

// Keyring seals signing secrets for the database, and opens them.
type Keyring interface {
	// Seal returns a secret as it may be stored. Errors: a setting is missing.
	Seal(id billing.EndpointID, s billing.Secret) (string, error)
	// Open reads what Seal returned. current reports whether the newest key sealed it. Errors: no
	// key opens it.
	Open(id billing.EndpointID, sealed string) (secret billing.Secret, current bool, err error)
}

func (o *Endpoints) seal(id billing.EndpointID, secret billing.Secret) (string, error) {
	sealed, err := o.Keys.Seal(id, secret)
	if err != nil {
		return "", &NotSetUpError{err}
	}
	return sealed, nil
}

// sealState is how a secret is sealed.
type sealState int

const (
	sealedNone    sealState = iota // there is no secret
	sealedNewest                   // with the newest key
	sealedOlder                    // with another configured key
	sealedUnknown                  // no key opens it
	sealedExpired                  // it no longer signs
)

// seal is how one secret is sealed, and the secret where it opens.
type seal struct {
	state  sealState
	opened billing.Secret
}

func (s seal) opens() bool { return s.state == sealedNewest || s.state == sealedOlder }

// sealing is how the two secrets of an endpoint are sealed: the current one, and the one before.
type sealing struct{ secrets [2]seal }

func (o *Endpoints) look(e billing.Endpoint) (seen sealing) {
	seen.secrets[0] = o.lookAt(e.ID, e.Secret)
	switch {
	case e.OldSecret == "":
	case len(e.ValidSecrets(o.Clock.Now())) == 1:
		seen.secrets[1].state = sealedExpired
	default:
		seen.secrets[1] = o.lookAt(e.ID, e.OldSecret)
	}
	return seen
}

func (o *Endpoints) lookAt(id billing.EndpointID, sealed string) seal {
	secret, newest, err := o.Keys.Open(id, sealed)
	switch {
	case err != nil:
		return seal{state: sealedUnknown}
	case newest:
		return seal{sealedNewest, secret}
	}
	return seal{sealedOlder, secret}
}
