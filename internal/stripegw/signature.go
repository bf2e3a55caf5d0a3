package stripegw

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76/webhook"
)

// DefaultTolerance is how far a webhook's time may be from ours, as Stripe's libraries have it.
const DefaultTolerance = webhook.DefaultTolerance

// Errors of VerifySignature. None holds a secret or a signature.
var (
	// ErrNoSecret: no secret is set to verify with. An empty one would let anybody sign.
	ErrNoSecret = errors.New("no webhook secret is set")
	// ErrNotSigned: there is no Stripe-Signature header.
	ErrNotSigned = webhook.ErrNotSigned
	// ErrInvalidHeader: the Stripe-Signature header can't be read.
	ErrInvalidHeader = webhook.ErrInvalidHeader
	// ErrNoValidSignature: none of the signatures was made with any of the secrets.
	ErrNoValidSignature = webhook.ErrNoValidSignature
	// ErrTooOld: it was signed too long ago; it may be replayed.
	ErrTooOld = webhook.ErrTooOld
	// ErrTooNew: it was signed in the future; one of the two clocks is wrong.
	ErrTooNew = errors.New("timestamp lies in the future")
)

// VerifySignature says whether Stripe signed the payload, with any of the secrets (two while one is
// rolled), at a time no further than tolerance from now. A tolerance of 0 or less means
// DefaultTolerance. payload is the body as received, byte for byte. Only v1 signatures count; v0
// ones, which test mode adds, are passed over. Errors: ErrNoSecret, ErrNotSigned, ErrInvalidHeader,
// ErrNoValidSignature, ErrTooOld, ErrTooNew. Source: docs.stripe.com/webhooks#verify-manually.
func VerifySignature(payload []byte, header string, secrets []string, tolerance time.Duration, now time.Time) error {
	err := ErrNoSecret
	for _, secret := range secrets {
		if strings.TrimSpace(secret) == "" {
			continue
		}
		if err = webhook.ValidatePayloadIgnoringTolerance(payload, header, secret); err == nil {
			// Only a good signature shows its time: ErrTooOld is never a forger's doing.
			return checkTime(header, tolerance, now)
		}
	}
	return err
}

// CheckHeader reports why a Stripe-Signature header can belong to no body that Stripe signs now. It
// needs no body and no secret. Errors: ErrNotSigned, ErrInvalidHeader, ErrNoValidSignature,
// ErrTooOld, ErrTooNew.
func CheckHeader(header string, tolerance time.Duration, now time.Time) error {
	if header == "" {
		return ErrNotSigned
	}
	if err := checkTime(header, tolerance, now); err != nil {
		return err
	}
	for part := range strings.SplitSeq(header, ",") {
		if value, ok := strings.CutPrefix(part, "v1="); ok && isMAC(value) {
			return nil
		}
	}
	return ErrNoValidSignature
}

// isMAC reports whether the text can be an HMAC-SHA256.
func isMAC(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == sha256.Size
}

// checkTime reports a time that is too far from now.
func checkTime(header string, tolerance time.Duration, now time.Time) error {
	signed, err := signedAt(header)
	if err != nil {
		return err
	}
	if tolerance <= 0 {
		tolerance = DefaultTolerance
	}
	switch age := now.Sub(signed); {
	case age > tolerance:
		return ErrTooOld
	case age < -tolerance:
		return ErrTooNew
	}
	return nil
}

// signedAt reads the time from a header. There must be exactly one: with two, the one that is
// signed and the one that is checked could differ.
func signedAt(header string) (time.Time, error) {
	var found []string
	for part := range strings.SplitSeq(header, ",") {
		if value, ok := strings.CutPrefix(part, "t="); ok {
			found = append(found, value)
		}
	}
	if len(found) != 1 {
		return time.Time{}, ErrInvalidHeader
	}
	seconds, err := strconv.ParseInt(found[0], 10, 64)
	if err != nil || seconds <= 0 {
		return time.Time{}, ErrInvalidHeader
	}
	return time.Unix(seconds, 0), nil
}
