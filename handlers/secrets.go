package handlers

import "regexp"

// secretLike matches a client secret or a key of Stripe's.
var secretLike = regexp.MustCompile(`\w+_secret_\w+|\b(?:sk|rk|whsec)_\w+`)

// payToken matches the token in a path of the recovery page, which opens it.
var payToken = regexp.MustCompile(`(/pay/)[^/\s]+`)

// withoutSecrets hides what a caller put where it does not belong, such as a client secret in a
// path, and what belongs there and is nobody else's, such as the token of a link: paths are logged,
// and error answers end up in the caller's log.
func withoutSecrets(s string) string {
	return payToken.ReplaceAllString(secretLike.ReplaceAllString(s, "[hidden]"), "${1}[hidden]")
}
