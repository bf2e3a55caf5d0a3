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

// DefaultTolerance is how far a webhook's time may be from now, as in Stripe's libraries.
const DefaultTolerance = webhook.DefaultTolerance

// Errors of VerifySignature. None holds a secret or a signature.
var (
	// ErrNoSecret: no secret is set for the verification. With an empty one, anyone could sign.
	ErrNoSecret = errors.New("no webhook secret is set")
	// ErrNotSigned: the Stripe-Signature header is missing.
	ErrNotSigned = webhook.ErrNotSigned
	// ErrInvalidHeader: the Stripe-Signature header can't be parsed.
	ErrInvalidHeader = webhook.ErrInvalidHeader
	// ErrNoValidSignature: none of the signatures was made with any of the secrets.
	ErrNoValidSignature = webhook.ErrNoValidSignature
	// ErrTooOld: the payload was signed too long ago; it may be replayed.
	ErrTooOld = webhook.ErrTooOld
	// ErrTooNew: the payload was signed in the future; one of the two clocks is wrong.
	ErrTooNew = errors.New("timestamp lies in the future")
)

// VerifySignature checks that Stripe signed the payload with one of the secrets (two while a secret
// is rolled), at a time no further than tolerance from now. A tolerance of 0 or less means
// DefaultTolerance. payload is the body as received, byte for byte. Only v1 signatures count; v0
// signatures, which test mode adds, are ignored. Errors: ErrNoSecret, ErrNotSigned,
// ErrInvalidHeader, ErrNoValidSignature, ErrTooOld, ErrTooNew. Source:
// docs.stripe.com/webhooks#verify-manually.
func VerifySignature(payload []byte, header string, secrets []string, tolerance time.Duration, now time.Time) error {
	err := ErrNoSecret
	for _, secret := range secrets {
		if strings.TrimSpace(secret) == "" {
			continue
		}
		if err = webhook.ValidatePayloadIgnoringTolerance(payload, header, secret); err == nil {
			// The time is checked only after a valid signature, so a forger never causes ErrTooOld.
			return checkTime(header, tolerance, now)
		}
	}
	return err
}

// CheckHeader returns why a Stripe-Signature header can't belong to any body that Stripe signs now.
// It needs no body and no secret. Errors: ErrNotSigned, ErrInvalidHeader, ErrNoValidSignature,
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

// isMAC reports whether the text has the form of an HMAC-SHA256.
func isMAC(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == sha256.Size
}

// checkTime returns an error if the time is too far from now.
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

// signedAt reads the time from a header. There must be exactly one: with two, the signed time and
// the checked time could differ.
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
