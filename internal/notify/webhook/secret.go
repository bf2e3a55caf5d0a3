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
	// secretPrefix and secretBytes are of the Standard Webhooks scheme, which wants 24 to 64 bytes.
	secretPrefix = "whsec_"
	secretBytes  = 32
	// sealPrefix names the way of sealing, so that there can be another one day.
	sealPrefix = "v1:"
	// sealInfo keeps the key for sealing apart from what else is derived from TRANCHE_SECRET_KEY.
	sealInfo = "tranche webhook secrets v1"
)

// ErrNoKey: secrets can't be sealed or opened without TRANCHE_SECRET_KEY.
var ErrNoKey = errors.New("TRANCHE_SECRET_KEY is not set: it seals the secrets of endpoints in the database; set it to at least 32 random characters, the same for every process")

// NewSecret makes a signing secret, as receivers are given it.
func NewSecret() billing.Secret {
	var key [secretBytes]byte
	_, _ = rand.Read(key[:]) // documented never to fail
	return billing.Secret(secretPrefix + base64.StdEncoding.EncodeToString(key[:]))
}

// Keyring seals the signing secrets of endpoints for the database, and opens them, by AES-256-GCM. A sealed secret opens
// for its own endpoint only. The zero value has no key: everything fails with ErrNoKey.
type Keyring struct{ aead cipher.AEAD }

// NewKeyring makes a keyring from TRANCHE_SECRET_KEY; an empty one gives the zero value.
func NewKeyring(secretKey string) (Keyring, error) {
	if secretKey == "" {
		return Keyring{}, nil
	}
	key, err := hkdf.Key(sha256.New, []byte(secretKey), nil, sealInfo, 32)
	if err != nil {
		return Keyring{}, fmt.Errorf("derive the key that seals secrets: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Keyring{}, fmt.Errorf("derive the key that seals secrets: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Keyring{}, fmt.Errorf("derive the key that seals secrets: %w", err)
	}
	return Keyring{aead}, nil
}

// Seal makes of a secret what may be stored. Errors: ErrNoKey.
func (k Keyring) Seal(id billing.EndpointID, s billing.Secret) (string, error) {
	if k.aead == nil {
		return "", ErrNoKey
	}
	sealed := k.aead.Seal(nil, nil, []byte(s.Reveal()), []byte(id)) //nolint:gosec // it draws a nonce itself, and puts it before the text
	return sealPrefix + base64.StdEncoding.EncodeToString(sealed), nil
}

// Open reads what Seal made. Errors: ErrNoKey; others say that the key is another one by now.
func (k Keyring) Open(id billing.EndpointID, sealed string) (billing.Secret, error) {
	if k.aead == nil {
		return "", ErrNoKey
	}
	text, known := strings.CutPrefix(sealed, sealPrefix)
	raw, err := base64.StdEncoding.DecodeString(text)
	if !known || err != nil {
		return "", fmt.Errorf("the secret of endpoint %s is not stored as this version stores it", id)
	}
	secret, err := k.aead.Open(nil, nil, raw, []byte(id))
	if err != nil {
		return "", fmt.Errorf("the secret of endpoint %s was sealed with another TRANCHE_SECRET_KEY: set that one again, or rotate the secret", id)
	}
	return billing.Secret(secret), nil
}
