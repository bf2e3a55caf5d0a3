package config

import (
	"slices"
	"strings"
)

// Fault is one thing that is wrong. It never holds a secret's value.
type Fault struct {
	Setting string // name of the setting, or of the file it is about
	Problem string // what is wrong
	Hint    string // what would be right; may be empty
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

// add notes a fault, unless the setting has one already: the first is the cause of the others.
func (e *Error) add(setting, problem, hint string) {
	for _, f := range e.Faults {
		if strings.TrimSuffix(f.Setting, fileSuffix) == setting {
			return
		}
	}
	e.Faults = append(e.Faults, Fault{setting, problem, hint})
}

// orNil returns the error when it names a fault, else nil. Faults are sorted as Settings is; what
// is no setting comes first.
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
