package stripegw

import (
	"errors"
	"strings"
)

// ErrBadKey means that a string is not a Stripe secret key. Its text never contains the key.
var ErrBadKey = errors.New("not a Stripe secret key: want sk_test_…, sk_live_…, rk_test_… or rk_live_…")

// KeyMode reports whether a secret (sk_) or restricted (rk_) key is a live one. Errors: ErrBadKey.
// Source: docs.stripe.com/keys.
func KeyMode(key string) (live bool, err error) {
	rest, ok := strings.CutPrefix(key, "sk_")
	if !ok {
		rest, ok = strings.CutPrefix(key, "rk_")
	}
	mode, id, _ := strings.Cut(rest, "_")
	if !ok || id == "" || strings.ContainsFunc(id, notKeyChar) || (mode != "test" && mode != "live") {
		return false, ErrBadKey
	}
	return mode == "live", nil
}

// notKeyChar detects spaces and line ends that were pasted with a key.
func notKeyChar(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}
