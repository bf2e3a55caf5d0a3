// Package timezone decides which time zones are accepted. Settings, terms and texts share it, so
// that a zone which one of them takes is known to all.
package timezone

import (
	"fmt"
	"strings"
	"time"
)

// Load finds a time zone by its IANA name, such as Europe/London. It refuses files of the time zone
// database that are no place: Local and localtime are the zone of this machine, posixrules is its
// default, Factory means that none is set, right/ counts leap seconds, and posix/ repeats the zones
// on some machines only.
func Load(name string) (*time.Location, error) {
	top, _, nested := strings.Cut(strings.ToLower(name), "/")
	switch top {
	case "", "local", "localtime", "posixrules", "factory":
		return nil, fmt.Errorf("%q is not a time zone", name)
	case "right", "posix":
		if nested {
			return nil, fmt.Errorf("%q is not a time zone", name)
		}
	}
	return time.LoadLocation(name)
}

// OrUTC finds a time zone by its IANA name; UTC when Load refuses the name.
func OrUTC(name string) *time.Location {
	loc, err := Load(name)
	if err != nil {
		return time.UTC
	}
	return loc
}
