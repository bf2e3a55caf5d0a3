package webhook

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"tranche/internal/billing"
)

const (
	// secretPrefix and secretBytes follow Standard Webhooks, which requires 24 to 64 bytes.
	secretPrefix = "whsec_"
	secretBytes  = 32
	// sealPrefix names the version of the sealing, so that it can change.
	sealPrefix = "v1:"
	// sealInfo separates the sealing key from other keys derived from TRANCHE_SECRET_KEY.
	sealInfo = "tranche webhook secrets v1"
)

// ErrNoKey means that secrets can't be sealed or opened without TRANCHE_SECRET_KEY.
var ErrNoKey = errors.New("TRANCHE_SECRET_KEY is not set: it seals the secrets of endpoints in the database; set it to at least 32 random characters, the same for every process")

// NewSecret returns a new signing secret, in the form that receivers use.
func NewSecret() billing.Secret {
	var key [secretBytes]byte
	_, _ = rand.Read(key[:]) // documented never to fail
	return billing.Secret(secretPrefix + base64.StdEncoding.EncodeToString(key[:]))
}

// Keyring seals the signing secrets of endpoints for the database with its newest key, and opens
// them with any key, by AES-256-GCM. A sealed secret opens only for its own endpoint. The zero
// value has no key: every call fails with ErrNoKey.
type Keyring struct{ keys []cipher.AEAD }

// NewKeyring returns a keyring with the keys of TRANCHE_SECRET_KEY, newest first. Without a
// non-empty key it returns the zero value.
func NewKeyring(secretKeys ...string) (Keyring, error) {
	var k Keyring
	for _, secretKey := range secretKeys {
		if secretKey == "" {
			continue
		}
		key, err := newKey(secretKey)
		if err != nil {
			return Keyring{}, fmt.Errorf("derive the key that seals secrets: %w", err)
		}
		k.keys = append(k.keys, key)
	}
	return k, nil
}

func newKey(secretKey string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(secretKey), nil, sealInfo, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal returns a secret in its stored form. Errors: ErrNoKey.
func (k Keyring) Seal(id billing.EndpointID, s billing.Secret) (string, error) {
	if len(k.keys) == 0 {
		return "", ErrNoKey
	}
	sealed := k.keys[0].Seal(nil, nil, []byte(s.Reveal()), []byte(id)) //nolint:gosec // it draws a nonce itself, and puts it before the text
	return sealPrefix + base64.StdEncoding.EncodeToString(sealed), nil
}

// Open returns the secret that Seal sealed. current reports whether the newest key sealed it.
// Errors: ErrNoKey; others name the endpoint if no key opens the secret.
func (k Keyring) Open(id billing.EndpointID, sealed string) (secret billing.Secret, current bool, err error) {
	if len(k.keys) == 0 {
		return "", false, ErrNoKey
	}
	text, known := strings.CutPrefix(sealed, sealPrefix)
	raw, err := base64.StdEncoding.DecodeString(text)
	if !known || err != nil {
		return "", false, fmt.Errorf("the secret of endpoint %s is stored in an unknown form", id)
	}
	for i, key := range k.keys {
		if opened, err := key.Open(nil, nil, raw, []byte(id)); err == nil {
			return billing.Secret(opened), i == 0, nil
		}
	}
	return "", false, fmt.Errorf("the secret of endpoint %s was sealed with another TRANCHE_SECRET_KEY: "+
		"set that key too, after the newest and a comma, or rotate the secret with tranche endpoint rotate %s", id, id)
}
