package handlers_test

import (
	"encoding"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/handlers"
)

// bodyField is one field in the body of a route.
type bodyField struct {
	path []string // names, and "[0]" for an entry of a list
	text bool     // a string is read into it
}

// String returns the field's name as in problems, such as charges[0].due.
func (f bodyField) String() string { return strings.ReplaceAll(strings.Join(f.path, "."), ".[", "[") }

// of returns the field as a part of another field.
func (f bodyField) of(name string) bodyField {
	return bodyField{path: append([]string{name}, f.path...), text: f.text}
}

// in returns a document with the field set to a JSON value.
func (f bodyField) in(t testing.TB, doc, value string) string {
	t.Helper()
	const place = "the-place-of-the-value"
	var body any
	require.NoError(t, json.Unmarshal([]byte(doc), &body), "%s", doc)
	with, err := json.Marshal(put(body, f.path, place))
	require.NoError(t, err)
	return strings.Replace(string(with), `"`+place+`"`, value, 1)
}

// put returns a JSON value with another value set at a path in it.
func put(at any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	if path[0] == "[0]" {
		list, _ := at.([]any)
		if len(list) == 0 {
			list = []any{nil}
		}
		list[0] = put(list[0], path[1:], value)
		return list
	}
	object, ok := at.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	object[path[0]] = put(object[path[0]], path[1:], value)
	return object
}

// fieldsOf lists the fields that encoding/json reads into a type, including the fields of objects
// and lists in it.
func fieldsOf(t reflect.Type) []bodyField {
	own := reflect.New(t).Interface()
	_, isJSON := own.(json.Unmarshaler)
	_, isText := own.(encoding.TextUnmarshaler)
	switch kind := t.Kind(); {
	case isJSON || isText:
		return []bodyField{{text: kind == reflect.String}}
	case kind == reflect.Pointer:
		return fieldsOf(t.Elem())
	case kind == reflect.Slice:
		fields := []bodyField{{}}
		for _, f := range fieldsOf(t.Elem()) {
			fields = append(fields, f.of("[0]"))
		}
		return fields
	case kind == reflect.Struct:
		return fieldsOfStruct(t)
	default:
		return []bodyField{{text: kind == reflect.String}}
	}
}

func fieldsOfStruct(t reflect.Type) (fields []bodyField) {
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		inner := fieldsOf(field.Type)
		switch {
		case name == "-":
		case field.Anonymous && name == "":
			fields = append(fields, inner...)
		case field.IsExported():
			if name == "" {
				name = field.Name
			}
			if isObject := len(inner) > 0 && len(inner[0].path) > 0; isObject {
				fields = append(fields, bodyField{path: []string{name}})
			}
			for _, f := range inner {
				fields = append(fields, f.of(name))
			}
		}
	}
	return fields
}

// bodyFields returns the fields that a route takes. The handler must read the request's body; it is
// then stopped before it changes anything.
func bodyFields(h http.Handler, r *http.Request) (fields []bodyField) {
	defer func() { _ = recover() }() // the handler was left
	h.ServeHTTP(httptest.NewRecorder(), handlers.WatchBody(r, func(body reflect.Type, notify bool) {
		fields = fieldsOf(body)
		if notify {
			fields = append(fields, bodyField{path: []string{"notify"}})
		}
		panic(http.ErrAbortHandler)
	}))
	return fields
}

// fieldsByRoute returns the fields of every route of the API. plan is an existing plan.
func fieldsByRoute(t testing.TB, h *handlers.Server, plan string) map[string][]bodyField {
	t.Helper()
	found := map[string][]bodyField{}
	for pattern := range h.Routes() {
		method, path, _ := strings.Cut(pattern, " ")
		r := httptest.NewRequestWithContext(t.Context(), method, strings.Replace(path, "{id}", plan, 1), strings.NewReader("{}"))
		r.Header = http.Header{"Authorization": {"Bearer " + apiKey}, "Content-Type": {"application/json"}}
		if fields := bodyFields(h, r); len(fields) > 0 {
			found[pattern] = fields
		}
	}
	return found
}

// TestFieldsByRoute compares the fields that other tests use with some known ones.
func TestFieldsByRoute(t *testing.T) {
	eachEngine(t, func(s *surface) {
		p := s.api("POST", "/v1/plans", order).plan(s.t)
		found := fieldsByRoute(s.t, s.handler, string(p.ID))
		require.Greater(s.t, len(found), 25, "%v", slices.Sorted(maps.Keys(found)))
		names := map[string][]string{}
		for pattern, fields := range found {
			for _, f := range fields {
				names[pattern] = append(names[pattern], f.String())
			}
		}
		require.Subset(s.t, names["POST /v1/plans"], []string{
			"reference", "kind", "total", "charges", "charges[0].amount", "charges[0].due", "customer", "customer.email", "consent.ip", "connect.transfer_destination", "update_customer",
		})
		require.ElementsMatch(s.t, []string{"reason", "refund", "notify"}, names["POST /v1/plans/{id}/cancel"])
		require.ElementsMatch(s.t, []string{"url", "types", "types[0]", "status"}, names["PATCH /v1/webhook_endpoints/{id}"])
		require.ElementsMatch(s.t, []string{"notify"}, names["POST /v1/charges/{id}/retry"])
		same := s.api("GET", "/v1/plans/"+string(p.ID), "").plan(s.t)
		require.Equal(s.t, p.Status, same.Status, "nothing was carried out")
	})
}
