package store

import (
	"encoding/json"
	"fmt"
	"time"
)

// millis is how a time is stored: whole milliseconds since 1970 in UTC, and NULL for a zero time.
// Fractions of a millisecond are cut off.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// instant reads what millis wrote.
type instant time.Time

// Scan reads a number of milliseconds or NULL.
func (i *instant) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i = instant{}
	case int64:
		*i = instant(time.UnixMilli(v).UTC())
	default:
		return fmt.Errorf("a time is stored as %T, not as a number of milliseconds", src)
	}
	return nil
}

// at is where a time is read into.
func at(t *time.Time) *instant { return (*instant)(t) }

// orNull is how an optional text is stored: NULL when it is empty, so that a unique index takes
// many empty ones.
func orNull[S ~string](s S) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// optional reads what orNull wrote.
type optional[S ~string] struct{ dst *S }

// Scan reads a text or NULL.
func (o optional[S]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*o.dst = ""
	case string:
		*o.dst = S(v)
	case []byte:
		*o.dst = S(v)
	default:
		return fmt.Errorf("a text is stored as %T", src)
	}
	return nil
}

// text is where an optional text is read into.
func text[S ~string](dst *S) optional[S] { return optional[S]{dst} }

// document reads a JSON text into what dst points to.
type document struct{ dst any }

// Scan reads a JSON text.
func (d document) Scan(src any) error {
	switch v := src.(type) {
	case string:
		return json.Unmarshal([]byte(v), d.dst)
	case []byte:
		return json.Unmarshal(v, d.dst)
	}
	return fmt.Errorf("a JSON text is stored as %T", src)
}

// jsonOrNone is how an optional document is stored: as an empty text when it is zero.
func jsonOrNone[T comparable](v T) string {
	var none T
	if v == none {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic("store: a document can't be written as JSON: " + err.Error()) // plain structs of texts, numbers and times always can
	}
	return string(b)
}

// listOrNone encodes an optional list: an empty list is stored as an empty text.
func listOrNone[T any](list []T) string {
	if len(list) == 0 {
		return ""
	}
	b, err := json.Marshal(list)
	if err != nil {
		panic("store: a list can't be written as JSON: " + err.Error()) // plain structs of texts, numbers and times always can
	}
	return string(b)
}

// documentOrNone reads what jsonOrNone or listOrNone wrote.
type documentOrNone struct{ dst any }

// Scan reads a JSON text or an empty one.
func (d documentOrNone) Scan(src any) error {
	switch v := src.(type) {
	case string:
		if v == "" {
			return nil
		}
	case []byte:
		if len(v) == 0 {
			return nil
		}
	}
	return document(d).Scan(src)
}

// raw reads a text as the bytes it was written from; none gives nil.
type raw struct{ dst *[]byte }

// Scan reads a text or bytes.
func (r raw) Scan(src any) error {
	switch v := src.(type) {
	case string:
		*r.dst = []byte(v)
	case []byte:
		*r.dst = append([]byte(nil), v...) // the driver reuses its buffer
	default:
		return fmt.Errorf("a document is stored as %T", src)
	}
	if len(*r.dst) == 0 {
		*r.dst = nil
	}
	return nil
}
