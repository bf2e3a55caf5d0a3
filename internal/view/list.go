package view

import "time"

// List is the JSON of one page of a list.
type List[T any] struct {
	Object  string `json:"object"` // "list"
	Data    []T    `json:"data"`
	HasMore bool   `json:"has_more"`
	// Next is the cursor of the next page: the parameter `cursor` of the list, or `after` of a plan's
	// audit trail, which is oldest first.
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

// Page returns the JSON of the first limit rows: one makes the JSON of a row, and cursor names the
// row after which the next page begins. The caller reads one row more than limit, which shows
// whether another page follows.
func Page[T, V any](rows []T, limit int, one func(T) V, cursor func(T) string) List[V] {
	list := List[V]{Object: "list", HasMore: len(rows) > limit}
	if list.HasMore {
		rows = rows[:limit]
		list.Next = cursor(rows[limit-1])
	}
	list.Data = make([]V, len(rows))
	for i, row := range rows {
		list.Data[i] = one(row)
	}
	return list
}
