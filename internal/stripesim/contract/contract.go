// Package contract checks requests to a Stripe API, and its responses, against Stripe's own OpenAPI
// description of API version 2023-10-16. It is a module of its own, because the description comes
// with old dependencies that the product must not have.
//
// Two http.Handler middlewares do the work: Requests reports requests that Stripe would refuse,
// Responses reports responses that Stripe would not send.
package contract

import (
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"sync"

	"github.com/lestrrat-go/jsval"
	"github.com/stripe/stripe-mock/embedded"
	"github.com/stripe/stripe-mock/spec"
)

// Contract is the parsed description. It is safe for concurrent use.
type Contract struct {
	spec       spec.Spec
	components *spec.ComponentsForValidation
	paths      []pathPattern
	allowed    map[string]bool

	mu         sync.Mutex // guards validators
	validators map[string]*jsval.JSVal
}

type pathPattern struct {
	pattern *regexp.Regexp
	params  int
	path    spec.Path
}

// Load parses the embedded description; it takes a few hundred milliseconds. The error reports that
// it could not be parsed.
func Load() (*Contract, error) {
	c := &Contract{allowed: map[string]bool{}, validators: map[string]*jsval.JSVal{}}
	if err := json.Unmarshal(embedded.OpenAPISpec, &c.spec); err != nil {
		return nil, fmt.Errorf("contract: OpenAPI description: %w", err)
	}
	c.components = spec.GetComponentsForValidation(&c.spec.Components)
	for path := range c.spec.Paths {
		c.paths = append(c.paths, compile(path))
	}
	// A literal path wins over a path with placeholders.
	sort.Slice(c.paths, func(i, j int) bool { return c.paths[i].params < c.paths[j].params })
	return c, nil
}

// recorded are the properties in Stripe's responses that the description of this version lacks, by
// their object. Source: recorded traffic with version 2023-10-16.
var recorded = map[string][]string{
	"charge":         {"destination", "dispute", "order", "source"},
	"payment_intent": {"source"},
}

// AllowExtra allows properties that the description does not have. Call it before the contract is
// used.
func (c *Contract) AllowExtra(names ...string) {
	for _, name := range names {
		c.allowed[name] = true
	}
}

var placeholder = regexp.MustCompile(`\\\{[^/}]+\\\}`)

func compile(path spec.Path) pathPattern {
	quoted := regexp.QuoteMeta(string(path))
	return pathPattern{
		pattern: regexp.MustCompile("^" + placeholder.ReplaceAllString(quoted, `[^/]+`) + "$"),
		params:  strings.Count(string(path), "{"), path: path,
	}
}

// operation returns the description of an endpoint, or nil.
func (c *Contract) operation(method, path string) *spec.Operation {
	for _, candidate := range c.paths {
		if !candidate.pattern.MatchString(path) {
			continue
		}
		if found := c.spec.Paths[candidate.path][spec.HTTPVerb(strings.ToLower(method))]; found != nil {
			return found
		}
	}
	return nil
}
