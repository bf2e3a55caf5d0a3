package stripesim

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// authenticate checks the key of a request: a bearer token, the user name of basic authentication,
// or, from browsers, the parameter key.
func (s *Server) authenticate(c *call, r *http.Request) *apiError {
	key := credential(r)
	if key == "" && c.in.has("key") {
		key = c.in.str("key")
	}
	delete(c.in.children, "key")
	switch {
	case key == "":
		return unauthorized("You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth " +
			"(e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at " +
			"https://support.stripe.com/.")
	case strings.HasPrefix(key, "pk_test_"):
		c.client = true
		return nil
	case s.acceptsSecret(key):
		return s.forbidden(c, key)
	}
	return unauthorized("Invalid API Key provided: " + masked(key))
}

func (s *Server) acceptsSecret(key string) bool {
	if _, restricted := s.opts.RestrictedKeys[key]; restricted {
		return true
	}
	if len(s.opts.SecretKeys) > 0 {
		return slices.Contains(s.opts.SecretKeys, key)
	}
	return strings.HasPrefix(key, "sk_test_") || strings.HasPrefix(key, "rk_test_")
}

func credential(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return strings.TrimSpace(value)
	case "basic":
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err != nil {
			return ""
		}
		user, _, _ := strings.Cut(string(raw), ":")
		return user
	}
	return ""
}

// masked returns the kind of a key and its last four characters.
func masked(key string) string {
	if len(key) <= 12 {
		return strings.Repeat("*", len(key))
	}
	return key[:8] + strings.Repeat("*", len(key)-12) + key[len(key)-4:]
}

func unauthorized(message string) *apiError {
	return newError(http.StatusUnauthorized, "invalid_request_error", "", message).notSaved()
}

func secretKeyRequired() *apiError {
	return newError(http.StatusUnauthorized, "invalid_request_error", "secret_key_required",
		"This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your API keys at "+
			"https://dashboard.stripe.com/account/apikeys.").notSaved()
}
