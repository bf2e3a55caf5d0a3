package config

import (
	"encoding/json"
	"net/url"
	"strings"
)

// Value is a setting as it may be shown.
type Value struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Redacted lists every setting's value in the order of Settings without secrets: a secret only
// shows whether it is set, and a URL hides its password.
func (c Config) Redacted() []Value {
	entries := table()
	values := make([]Value, len(entries))
	for i, e := range entries {
		value := e.get(&c)
		if e.Secret || strings.HasSuffix(e.Name, "_BASE") || strings.HasSuffix(e.Name, "_URL") {
			value = hideSecret(value)
		}
		values[i] = Value{e.Name, value}
	}
	return values
}

// hideSecret returns a URL without its password. Any other text becomes a mark that the value is
// set.
func hideSecret(value string) string {
	const hidden = "[hidden]"
	if value == "" || strings.HasPrefix(value, sqlitePrefix) {
		return value
	}
	scheme, _, ok := strings.Cut(value, "://")
	if !ok {
		return hidden
	}
	u, err := url.Parse(firstHost(value))
	if err != nil || u.Host == "" {
		return scheme + "://" + hidden
	}
	_, protected := u.User.Password()
	query := u.Query()
	for key := range query {
		if strings.Contains(strings.ToLower(key), "pass") { // as PostgreSQL takes it
			query.Set(key, "xxxxx")
			protected = true
		}
	}
	if !protected {
		return value
	}
	u.RawQuery = query.Encode()
	return u.Redacted()
}

// String lists the settings without secrets.
func (c Config) String() string {
	var b strings.Builder
	for _, v := range c.Redacted() {
		b.WriteString(v.Name + "=" + v.Value + "\n")
	}
	return b.String()
}

// GoString is String: %#v shows no secret either.
func (c Config) GoString() string { return c.String() }

// MarshalJSON writes the settings without secrets.
func (c Config) MarshalJSON() ([]byte, error) {
	values := map[string]string{}
	for _, v := range c.Redacted() {
		values[v.Name] = v.Value
	}
	return json.Marshal(values)
}
