package handlers

import "regexp"

// secretLike matches a client secret or a key of Stripe's.
var secretLike = regexp.MustCompile(`\w+_secret_\w+|\b(?:sk|rk|whsec)_\w+`)

// withoutSecrets hides what a caller put where it does not belong, such as a client secret in a path: paths are logged, and
// error answers end up in the caller's log.
func withoutSecrets(s string) string { return secretLike.ReplaceAllString(s, "[hidden]") }
