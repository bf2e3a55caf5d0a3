package view

import "time"

// List is the JSON of one page of a list.
type List[T any] struct {
	Object  string `json:"object"` // "list"
	Data    []T    `json:"data"`
	HasMore bool   `json:"has_more"`
	// Next is the cursor of the next page: the parameter `before`, `cursor` or `after` of the list.
	Next string `json:"next_cursor,omitempty"`
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// FirstPage returns the first limit rows, and reports whether there are more.
func FirstPage[T any](rows []T, limit int) ([]T, bool) {
	if len(rows) > limit {
		return rows[:limit], true
	}
	return rows, false
}
