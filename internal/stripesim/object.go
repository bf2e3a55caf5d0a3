package stripesim

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// object is one JSON object as Stripe prints it: id and object first, the
// other fields in alphabetical order.
type object map[string]any

// MarshalJSON implements json.Marshaler with Stripe's field order.
func (o object) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for i, name := range fieldOrder(o) {
		if i > 0 {
			buf.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(o[name])
		if err != nil {
			return nil, err
		}
		buf.Write(key)
		buf.WriteByte(':')
		buf.Write(value)
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

func fieldOrder(o object) []string {
	names := make([]string, 0, len(o))
	for _, first := range []string{"id", "object"} {
		if _, ok := o[first]; ok {
			names = append(names, first)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if name != "id" && name != "object" {
			names = append(names, name)
		}
	}
	return names
}

// orNull returns null for a zero value, as Stripe renders fields that are not set.
func orNull[T comparable](value T) any {
	var zero T
	if value == zero {
		return nil
	}
	return value
}

// orNullObject is orNull for nested objects.
func orNullObject(o object) any {
	if o == nil {
		return nil
	}
	return o
}

// only returns a copy of o with nothing but the named fields.
func (o object) only(names []string) object {
	out := make(object, len(names))
	for _, name := range names {
		if value, ok := o[name]; ok {
			out[name] = value
		}
	}
	return out
}

// list returns Stripe's list envelope.
func list(url string, data []any, more bool) object {
	if data == nil {
		data = []any{}
	}
	return object{"object": "list", "data": data, "has_more": more, "url": url}
}
