package billing

import (
	"fmt"
	"slices"
	"strings"
)

// TypeFilter lists the types of messages that an endpoint receives: single types, such as
// charge.succeeded, or all types of a kind, such as charge.*. An empty filter passes everything.
type TypeFilter []string

// Wants reports whether messages of a type pass.
func (f TypeFilter) Wants(messageType string) bool {
	kind, _, _ := strings.Cut(messageType, ".")
	return len(f) == 0 || slices.Contains(f, messageType) || slices.Contains(f, kind+".*")
}

// Check reports the entries that match no type. Errors: *InvalidError.
func (f TypeFilter) Check(field string) error {
	e := &InvalidError{}
	for _, t := range f {
		kind, rest, _ := strings.Cut(t, ".")
		known := slices.ContainsFunc(MessageTypes(), func(m MessageType) bool { return m.Type == t })
		if !known && (rest != "*" || !slices.Contains(toldKinds(), kind)) {
			e.Add(field, "%s", fmt.Sprintf("%.60q is not a message type; use a type from docs/webhooks.md, or plan.*, charge.*, card.*, notice.* or incident.*", t))
		}
	}
	return e.OrNil()
}

// toldKinds are the kinds of audit entries that are sent to endpoints.
func toldKinds() []string { return []string{"plan", "charge", "card", "notice", "incident"} }

// Told reports whether audit entries with this action are sent to endpoints.
func Told(action string) bool {
	kind, _, ok := strings.Cut(action, ".")
	return ok && slices.Contains(toldKinds(), kind)
}
