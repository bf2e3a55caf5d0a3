package config

import (
	"slices"
	"strings"
)

// Fault describes one invalid setting or file. It never holds a secret's value.
type Fault struct {
	Setting string // name of the setting or file
	Problem string // the fault
	Hint    string // a valid value or the fix; may be empty
}

// Error is every fault of a configuration.
type Error struct{ Faults []Fault }

// Error lists one fault a line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("the configuration can't be used:")
	for _, f := range e.Faults {
		b.WriteString("\n  " + f.Setting + " " + f.Problem)
		if f.Hint != "" {
			b.WriteString(": " + f.Hint)
		}
	}
	return b.String()
}

// add adds a fault, unless the setting has one already: the first is the cause of the others.
func (e *Error) add(setting, problem, hint string) {
	for _, f := range e.Faults {
		if strings.TrimSuffix(f.Setting, fileSuffix) == setting {
			return
		}
	}
	e.Faults = append(e.Faults, Fault{setting, problem, hint})
}

// orNil returns the error if it has a fault, else nil. Faults are in the order of Settings; names
// that are not settings come first.
func (e *Error) orNil() error {
	if len(e.Faults) == 0 {
		return nil
	}
	order := known()
	slices.SortStableFunc(e.Faults, func(a, b Fault) int {
		return slices.Index(order, a.Setting) - slices.Index(order, b.Setting)
	})
	return e
}
