package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field reads a setting's text into Config and writes it back.
type field struct {
	set func(c *Config, value string) *complaint
	get func(c *Config) string
}

// complaint describes a fault of a value, and gives an example of a valid one.
type complaint struct{ problem, hint string }

func text(at func(*Config) *string) field {
	return field{
		set: func(c *Config, v string) *complaint { *at(c) = v; return nil },
		get: func(c *Config) string { return *at(c) },
	}
}

// list reads texts separated by commas. It keeps empty parts, which the rules then refuse.
func list(at func(*Config) *[]string) field {
	return field{
		set: func(c *Config, v string) *complaint {
			*at(c) = nil
			if v != "" {
				for part := range strings.SplitSeq(v, ",") {
					*at(c) = append(*at(c), strings.TrimSpace(part))
				}
			}
			return nil
		},
		get: func(c *Config) string { return strings.Join(*at(c), ",") },
	}
}

func duration(at func(*Config) *time.Duration) field {
	return field{
		set: func(c *Config, v string) *complaint {
			d, err := time.ParseDuration(v)
			if err != nil || d <= 0 {
				return &complaint{fmt.Sprintf("is %.40q, not a duration above zero", v), "such as 25s or 1m30s"}
			}
			*at(c) = d
			return nil
		},
		get: func(c *Config) string { return at(c).String() },
	}
}

func number(at func(*Config) *int) field {
	return field{
		set: func(c *Config, v string) *complaint {
			n, err := strconv.Atoi(v)
			if err != nil || n <= 0 {
				return &complaint{fmt.Sprintf("is %.40q, not a whole number above zero", v), "such as 20"}
			}
			*at(c) = n
			return nil
		},
		get: func(c *Config) string { return strconv.Itoa(*at(c)) },
	}
}

// count is a whole number; 0 selects a default that depends on other settings.
func count(at func(*Config) *int) field {
	f := number(at)
	f.set = func(c *Config, v string) *complaint {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return &complaint{fmt.Sprintf("is %.40q, not a whole number", v), "such as 20, or 0 for the usual"}
		}
		*at(c) = n
		return nil
	}
	return f
}

func choice(at func(*Config) *string, choices ...string) field {
	return field{
		set: func(c *Config, v string) *complaint {
			if !slices.Contains(choices, v) {
				return &complaint{fmt.Sprintf("is %.40q, which is none of its values", v), strings.Join(choices, ", ")}
			}
			*at(c) = v
			return nil
		},
		get: func(c *Config) string { return *at(c) },
	}
}

// roleList reads roles separated by commas. A role that is named twice counts once.
func roleList(at func(*Config) *[]Role) field {
	return field{
		set: func(c *Config, v string) *complaint {
			var found []Role
			for part := range strings.SplitSeq(v, ",") {
				r := Role(strings.TrimSpace(part))
				if !slices.Contains(roles(), r) {
					return &complaint{fmt.Sprintf("names %.40q, which is no role", string(r)), "ingress, worker and scheduler, separated by commas"}
				}
				if !slices.Contains(found, r) {
					found = append(found, r)
				}
			}
			*at(c) = found
			return nil
		},
		get: func(c *Config) string {
			names := make([]string, len(*at(c)))
			for i, r := range *at(c) {
				names[i] = string(r)
			}
			return strings.Join(names, ",")
		},
	}
}
