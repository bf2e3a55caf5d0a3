package stripesim

import (
	"slices"
	"strconv"
)

// defaultLimit is the page size of a list without limit.
const defaultLimit = 10

// page returns one page of items, which are oldest first; Stripe lists the newest first. The
// cursors may name objects that the filter leaves out.
func page[T any](c *call, what string, items []T, idOf func(T) string, view func(T) object) (any, *apiError) {
	newest := slices.Clone(items)
	slices.Reverse(newest)
	limit := defaultLimit
	if c.in.has("limit") {
		limit = int(c.in.num("limit"))
	}
	start, end, err := bounds(c, what, newest, idOf, limit)
	if err != nil {
		return nil, err
	}
	more := end < len(newest)
	if c.in.has("ending_before") {
		more = start > 0
	}
	var data []any
	for _, item := range newest[start:end] {
		data = append(data, view(item))
	}
	return list(c.path, data, more), nil
}

func bounds[T any](c *call, what string, newest []T, idOf func(T) string, limit int) (start, end int, err *apiError) {
	position := func(param string) (int, *apiError) {
		id := c.in.str(param)
		at := slices.IndexFunc(newest, func(item T) bool { return idOf(item) == id })
		if at < 0 {
			return 0, missing(400, what, id, param)
		}
		return at, nil
	}
	switch {
	case c.in.has("starting_after"):
		at, err := position("starting_after")
		if err != nil {
			return 0, 0, err
		}
		start = at + 1
	case c.in.has("ending_before"):
		at, err := position("ending_before")
		if err != nil {
			return 0, 0, err
		}
		return max(0, at-limit), at, nil
	}
	return start, min(len(newest), start+limit), nil
}

// keep filters without changing the original.
func keep[T any](items []T, want func(T) bool) []T {
	var out []T
	for _, item := range items {
		if want(item) {
			out = append(out, item)
		}
	}
	return out
}

// inCreated reports whether a time matches the created parameter.
func inCreated(in *node, created int64) bool {
	given := in.get("created")
	switch {
	case given == nil:
		return true
	case !given.isHash():
		exact, err := strconv.ParseInt(given.text, 10, 64)
		return err != nil || created == exact
	case given.has("gt") && created <= given.num("gt"),
		given.has("gte") && created < given.num("gte"),
		given.has("lt") && created >= given.num("lt"),
		given.has("lte") && created > given.num("lte"):
		return false
	}
	return true
}

// matches reports whether a filter parameter is absent or equal.
func matches(in *node, name, value string) bool {
	return !in.has(name) || in.str(name) == value
}
