package stripesim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// grouped are the resources that share a permission with another, or whose permission's name
// differs from their path.
var grouped = map[string]string{"refunds": "charges"}

// rakNames are the names of permissions in Stripe's refusals, if they are not the singular of the
// resource.
var rakNames = map[string]string{"webhook_endpoints": "webhook"}

// forbidden refuses requests that a restricted key has no permission for. A permission is a
// resource as its path names it, such as payment_intents, and allows reading and writing;
// payment_intents:read allows reading only. Refunds belong to charges. An expanded object needs its
// own permission.
func (s *Server) forbidden(c *call, key string) *apiError {
	permissions, restricted := s.opts.RestrictedKeys[key]
	if !restricted {
		return nil
	}
	resource, _, _ := strings.Cut(strings.TrimPrefix(c.path, "/v1/"), "/")
	access := "write"
	if c.method == http.MethodGet {
		access = "read"
	}
	if err := s.lacking(key, permissions, resource, access); err != nil {
		return err
	}
	for _, path := range c.in.items("expand") {
		if slices.Contains(strings.Split(path, "."), "latest_charge") {
			return s.lacking(key, permissions, "charges", "read")
		}
	}
	return nil
}

// lacking returns the refusal for a key without a permission; nil if the key has it.
func (s *Server) lacking(key string, permissions []string, resource, access string) *apiError {
	if group, ok := grouped[resource]; ok {
		resource = group
	}
	if slices.Contains(permissions, resource) || slices.Contains(permissions, resource+":"+access) {
		return nil
	}
	name, ok := rakNames[resource]
	if !ok {
		name = strings.TrimSuffix(resource, "s")
	}
	// A recorded response of Stripe, with the key masked as Stripe masks it.
	return newError(http.StatusForbidden, "invalid_request_error", "", fmt.Sprintf(
		"The provided key '%s' does not have the required permissions for this endpoint on account '%s'. "+
			"Having the 'rak_%s_%s' permission would allow this request to continue.",
		masked(key), s.opts.Account.ID, name, access)).notSaved()
}
