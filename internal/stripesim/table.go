package stripesim

// table keeps objects of one kind by id, in the order they were made.
type table[T any] struct {
	byID  map[string]T
	order []string
}

func newTable[T any]() *table[T] { return &table[T]{byID: map[string]T{}} }

func (t *table[T]) add(id string, value T) {
	t.byID[id] = value
	t.order = append(t.order, id)
}

func (t *table[T]) get(id string) (T, bool) {
	value, ok := t.byID[id]
	return value, ok
}

func (t *table[T]) remove(id string) { delete(t.byID, id) }

// oldestFirst returns the objects in the order they were made.
func (t *table[T]) oldestFirst() []T {
	out := make([]T, 0, len(t.byID))
	for _, id := range t.order {
		if value, ok := t.byID[id]; ok {
			out = append(out, value)
		}
	}
	return out
}
