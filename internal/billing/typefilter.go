package billing

import (
	"fmt"
	"slices"
	"strings"
)

// TypeFilter lists the types of messages that an endpoint wants: whole ones, such as
// charge.succeeded, or all of a kind, such as charge.*. An empty one wants everything.
type TypeFilter []string

// Wants says whether messages of a type pass.
func (f TypeFilter) Wants(messageType string) bool {
	kind, _, _ := strings.Cut(messageType, ".")
	return len(f) == 0 || slices.Contains(f, messageType) || slices.Contains(f, kind+".*")
}

// Check names the entries that would never match. Errors: *InvalidError.
func (f TypeFilter) Check(field string) error {
	e := &InvalidError{}
	for _, t := range f {
		kind, rest, _ := strings.Cut(t, ".")
		known := slices.ContainsFunc(MessageTypes(), func(m MessageType) bool { return m.Type == t })
		if !known && (rest != "*" || !slices.Contains(toldKinds(), kind)) {
			e.add(field, "%s", fmt.Sprintf("%.60q is no type of message; give one of the list in docs/webhooks.md, or plan.*, charge.*, card.*, notice.* or incident.*", t))
		}
	}
	return e.orNil()
}

// toldKinds are the kinds of audit entries that endpoints are told of.
func toldKinds() []string { return []string{"plan", "charge", "card", "notice", "incident"} }

// Told says whether endpoints are told of an audit entry with this action.
func Told(action string) bool {
	kind, _, ok := strings.Cut(action, ".")
	return ok && slices.Contains(toldKinds(), kind)
}
