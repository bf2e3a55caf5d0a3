package handlers

import "regexp"

// secretLike matches a client secret or a Stripe key.
var secretLike = regexp.MustCompile(`\w+_secret_\w+|\b(?:sk|rk|whsec)_\w+`)

// payToken matches the token in a path of the recovery page, which opens it.
var payToken = regexp.MustCompile(`(/pay/)[^/\s]+`)

// withoutSecrets hides secrets in a text, such as a client secret that a caller put into a path by
// mistake, or the token of a link. Paths are logged, and callers log error answers.
func withoutSecrets(s string) string {
	return payToken.ReplaceAllString(secretLike.ReplaceAllString(s, "[hidden]"), "${1}[hidden]")
}
