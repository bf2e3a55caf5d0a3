package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/lestrrat-go/jsval"
	"github.com/stripe/stripe-mock/spec"
)

// CheckResponse checks a response against the schema of its endpoint, or of an error if the status
// is not 200. It returns the differences; none if it conforms.
func (c *Contract) CheckResponse(method, path string, status int, body []byte) []string {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return []string{fmt.Sprintf("body is not JSON: %v", err)}
	}
	schema := &spec.Schema{Ref: "#/components/schemas/error"}
	if status == http.StatusOK {
		found := c.operation(method, path)
		if found == nil {
			return []string{"no such endpoint in the description"}
		}
		schema = found.Responses["200"].Content["application/json"].Schema
	}
	return c.check(schema, value)
}

// CheckResource checks an object against the schema that its field object names.
func (c *Contract) CheckResource(body []byte) []string {
	var value map[string]any
	if err := json.Unmarshal(body, &value); err != nil {
		return []string{fmt.Sprintf("not a JSON object: %v", err)}
	}
	name, _ := value["object"].(string)
	if _, ok := c.spec.Components.Schemas[name]; !ok {
		return []string{fmt.Sprintf("no schema for object %q", name)}
	}
	return c.check(&spec.Schema{Ref: "#/components/schemas/" + name}, value)
}

// check first searches for differences with their positions; if there are none, the JSON Schema
// validator decides.
func (c *Contract) check(schema *spec.Schema, value any) []string {
	found := c.differences(schema, value, "$")
	found = append(found, c.eventObjects(value)...)
	if len(found) > 0 {
		return found
	}
	validator, err := c.validator(schema)
	if err != nil {
		return []string{fmt.Sprintf("schema: %v", err)}
	}
	if err := validator.Validate(value); err != nil {
		return []string{fmt.Sprintf("schema: %v", err)}
	}
	return nil
}

// validator builds the JSON Schema validator of a schema once, because that is slow.
func (c *Contract) validator(schema *spec.Schema) (*jsval.JSVal, error) {
	key := fmt.Sprintf("%p", schema)
	if schema.Ref != "" {
		key = schema.Ref
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if made, ok := c.validators[key]; ok {
		return made, nil
	}
	made, err := spec.GetValidatorForOpenAPI3Schema(schema, c.components)
	if err == nil {
		c.validators[key] = made
	}
	return made, err
}

// eventObjects checks data.object of every event in the value, which the schema of events leaves
// open.
func (c *Contract) eventObjects(value any) []string {
	var found []string
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			found = append(found, c.eventObjects(item)...)
		}
	case map[string]any:
		data, _ := v["data"].(map[string]any)
		if v["object"] == "event" && data != nil {
			raw, err := json.Marshal(data["object"])
			if err != nil {
				return []string{err.Error()}
			}
			for _, line := range c.CheckResource(raw) {
				found = append(found, fmt.Sprintf("event %v: %s", v["type"], line))
			}
			return found
		}
		if items, ok := v["data"].([]any); ok {
			found = append(found, c.eventObjects(items)...)
		}
	}
	return found
}

// differences compares a value with its schema.
func (c *Contract) differences(schema *spec.Schema, value any, at string) []string {
	schema = c.resolve(schema)
	if value == nil {
		if schema.Nullable {
			return nil
		}
		return []string{at + ": null is not allowed"}
	}
	if len(schema.AnyOf) > 0 {
		return c.anyOf(schema.AnyOf, value, at)
	}
	if len(schema.Enum) > 0 && !slices.Contains(schema.Enum, value) {
		return []string{fmt.Sprintf("%s: %v is not one of %v", at, value, schema.Enum)}
	}
	switch v := value.(type) {
	case map[string]any:
		if schema.Type != "object" {
			return []string{fmt.Sprintf("%s: is an object, not %s", at, schema.Type)}
		}
		return c.object(schema, v, at)
	case []any:
		if schema.Type != "array" {
			return []string{fmt.Sprintf("%s: is a list, not %s", at, schema.Type)}
		}
		var found []string
		for i, item := range v {
			found = append(found, c.differences(schema.Items, item, fmt.Sprintf("%s[%d]", at, i))...)
		}
		return found
	}
	return scalar(schema, value, at)
}

func scalar(schema *spec.Schema, value any, at string) []string {
	kind := map[string]string{"string": "string", "bool": "boolean", "float64": "number"}[fmt.Sprintf("%T", value)]
	if number, ok := value.(float64); ok && schema.Type == "integer" && number == float64(int64(number)) {
		return nil
	}
	if kind != schema.Type {
		return []string{fmt.Sprintf("%s: is a %s, not %s", at, kind, schema.Type)}
	}
	return nil
}

func (c *Contract) object(schema *spec.Schema, value map[string]any, at string) []string {
	var found []string
	for _, name := range schema.Required {
		if _, ok := value[name]; !ok {
			found = append(found, at+"."+name+": is missing")
		}
	}
	kind, _ := value["object"].(string)
	open := len(schema.Properties) == 0 && schema.AdditionalProperties == nil
	for name, item := range value {
		where := at + "." + name
		switch property := schema.Properties[name]; {
		case property != nil:
			found = append(found, c.differences(property, item, where)...)
		case schema.AdditionalProperties != nil:
			found = append(found, c.differences(schema.AdditionalProperties, item, where)...)
		case !open && !c.allowed[name] && !slices.Contains(recorded[kind], name):
			found = append(found, where+": is not in the description")
		}
	}
	slices.Sort(found)
	return found
}

// anyOf accepts a value that fits one alternative, or reports the nearest miss.
func (c *Contract) anyOf(choices []*spec.Schema, value any, at string) []string {
	var nearest []string
	for _, choice := range choices {
		found := c.differences(choice, value, at)
		if len(found) == 0 {
			return nil
		}
		if nearest == nil || len(found) < len(nearest) && !strings.Contains(strings.Join(found, " "), ", not ") {
			nearest = found
		}
	}
	return nearest
}

func (c *Contract) resolve(schema *spec.Schema) *spec.Schema {
	for schema.Ref != "" {
		schema = c.spec.Components.Schemas[strings.TrimPrefix(schema.Ref, "#/components/schemas/")]
	}
	return schema
}

// Violation is a request or response that violates the contract.
type Violation struct {
	Method, Path string
	Status       int    // of the answer; 0 for a request
	Problem      string // what is wrong; may quote parameters
}

// String returns the violation on one line.
func (v Violation) String() string {
	return fmt.Sprintf("%s %s (%d): %s", v.Method, v.Path, v.Status, v.Problem)
}

// Responses passes requests to next and reports every response below /v1 that the description does
// not allow. report may be called concurrently.
func (c *Contract) Responses(next http.Handler, report func(Violation)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/") {
			next.ServeHTTP(w, r)
			return
		}
		recorded := httptest.NewRecorder()
		next.ServeHTTP(recorded, r)
		body := bytes.Clone(recorded.Body.Bytes())
		for _, problem := range c.CheckResponse(r.Method, r.URL.Path, recorded.Code, body) {
			report(Violation{Method: r.Method, Path: r.URL.Path, Status: recorded.Code, Problem: problem})
		}
		maps.Copy(w.Header(), recorded.Header())
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(body) // the client may be gone
	})
}
