package config

import (
	"fmt"
	"unicode/utf8"
)

const (
	// keyLength and keyVariety are met by every random key: openssl rand -hex 32 prints 64
	// characters, nearly always with all sixteen digits among them.
	keyLength  = 32
	keyVariety = 10

	newKey = "at least 32 random characters, such as from openssl rand -hex 32"
)

// ownKeys are the keys of a setting that the operator creates. Keys below atLeast characters are
// refused in any mode, weak keys with a live Stripe key only.
type ownKeys struct {
	setting string
	keys    []string
	atLeast int
}

func (c Config) ownKeys() []ownKeys {
	return []ownKeys{{"TRANCHE_SECRET_KEY", c.SecretKeys, keyLength}, {"TRANCHE_API_KEY", c.APIKeys, 16}}
}

// WeakKeys lists the settings with a key that might be guessed, as warnings. With a live Stripe key
// the list is empty: Validate refuses to serve with such a key.
func (c Config) WeakKeys() []Fault {
	if c.Live() {
		return nil
	}
	return c.weakKeys()
}

func (c Config) weakKeys() []Fault {
	var found []Fault
	for _, own := range c.ownKeys() {
		if problem := own.problem(false); problem != "" {
			found = append(found, Fault{own.setting, problem, newKey})
		}
	}
	return found
}

// checkOwnKeys refuses keys that can be guessed. Commands other than serve take weak keys: secret
// reseal needs the old key to replace it.
func (c Config) checkOwnKeys(need Needs, faults *Error) {
	if len(c.APIKeys) == 0 && need.Serve && c.Has(RoleIngress) {
		faults.add("TRANCHE_API_KEY", "is not set", newKey)
	}
	if len(c.SecretKeys) == 0 && need.Seal {
		faults.add("TRANCHE_SECRET_KEY", "is not set", newKey+"; the same for every process")
	}
	for _, own := range c.ownKeys() {
		if problem := own.problem(true); problem != "" {
			faults.add(own.setting, problem, newKey)
		}
	}
	if !c.Live() || !need.Serve {
		return
	}
	for _, f := range c.weakKeys() {
		faults.add(f.Setting, f.Problem+", and the Stripe key is a live one", f.Hint)
	}
}

// problem describes the first key that is unusable, or the first that is usable but weak; empty if
// there is none.
func (o ownKeys) problem(unusable bool) string {
	for i, key := range o.keys {
		flaw, refused := keyFlaw(key, o.atLeast)
		switch {
		case flaw == "" || refused != unusable:
		case len(o.keys) == 1:
			return "is " + flaw
		default:
			return fmt.Sprintf("has %d keys, and number %d is %s", len(o.keys), i+1, flaw)
		}
	}
	return ""
}

// keyFlaw returns the reason why a key might be guessed, and whether the key is unusable in any
// mode; empty for a good key.
func keyFlaw(key string, atLeast int) (flaw string, unusable bool) {
	switch {
	case key == "":
		return "empty", true
	case len(key) < atLeast:
		return "too short", true
	case utf8.RuneCountInString(key) < keyLength:
		return fmt.Sprintf("shorter than %d characters", keyLength), false
	case variety(key) < keyVariety:
		return fmt.Sprintf("made of fewer than %d different characters", keyVariety), false
	}
	return "", false
}

// variety counts the different characters of a key.
func variety(key string) int {
	seen := map[rune]bool{}
	for _, r := range key {
		seen[r] = true
	}
	return len(seen)
}
