package config

import (
	"fmt"
	"net/url"
	"os"
	"strings"
)

// Sources is where settings come from.
type Sources struct {
	// Flags are values given on the command line, by name of the setting. They win.
	Flags map[string]string
	// Env looks up an environment variable, as os.Getenv does. An empty variable counts as not
	// set, because compose files and charts pass empty variables. nil means no environment.
	Env func(name string) string
	// File is the path of a TOML file; empty means the path in TRANCHE_CONFIG, if it is set.
	File string
	// ReadFile reads a file; nil means os.ReadFile.
	ReadFile func(path string) ([]byte, error)
}

// fileVariable names the configuration file if no flag does.
const fileVariable = "TRANCHE_CONFIG"

// fileSuffix marks the name under which a secret is given as the path of a file.
const fileSuffix = "_FILE"

// Load reads all settings and fills in defaults. It only checks each value's form; Validate checks
// the rules. Errors: *Error with every fault, along with a Config of the values that could be read.
func Load(s Sources) (Config, error) {
	faults := &Error{}
	c := load(s, faults)
	return c, faults.orNil()
}

// LoadFor reads all settings, validates them, and reports the faults of both steps together.
// Errors: *Error.
func LoadFor(s Sources, need Needs) (Config, error) {
	faults := &Error{}
	c := load(s, faults)
	c.check(need, faults)
	return c, faults.orNil()
}

func load(s Sources, faults *Error) Config {
	if s.Env == nil {
		s.Env = func(string) string { return "" }
	}
	if s.ReadFile == nil {
		s.ReadFile = os.ReadFile
	}
	layers := []layer{flagLayer(s.Flags, faults), {lookup: s.Env}, fileLayer(s, faults)}
	var c Config
	for _, e := range table() {
		if e.Default != "" {
			e.assign(&c, e.Default, faults)
		}
		if value, ok := find(e.Setting, layers, s.ReadFile, faults); ok {
			e.assign(&c, value, faults)
		}
	}
	if c.MailFrom == "" {
		c.MailFrom = senderOf(c.SMTPURL)
	}
	return c
}

// assign reads a value into its field, or adds a fault if the value is invalid.
func (e entry) assign(c *Config, value string, faults *Error) {
	if wrong := e.set(c, value); wrong != nil {
		faults.add(e.Name, wrong.problem, wrong.hint)
	}
}

// layer is one source of values.
type layer struct {
	lookup func(name string) string
	where  string // added to the name in faults, such as " in tranche.toml"
}

// find returns a setting's value from the first layer that has it.
func find(s Setting, layers []layer, read func(string) ([]byte, error), faults *Error) (string, bool) {
	for _, l := range layers {
		value := l.lookup(s.Name)
		path := ""
		if s.Secret {
			path = l.lookup(s.Name + fileSuffix)
		}
		switch {
		case value != "" && path != "":
			faults.add(s.Name, "and "+s.Name+fileSuffix+" are both set"+l.where, "set one of them")
			return "", false
		case value != "":
			return strings.TrimSpace(value), true
		case path != "":
			return readSecret(s.Name, path, read, faults)
		}
	}
	return "", false
}

// readSecret reads a value from the file that holds it.
func readSecret(name, path string, read func(string) ([]byte, error), faults *Error) (string, bool) {
	data, err := read(path)
	if err != nil {
		faults.add(name+fileSuffix, fmt.Sprintf("names %s, which can't be read", path), reason(err))
		return "", false
	}
	value := strings.TrimRight(string(data), "\r\n")
	if value == "" {
		faults.add(name+fileSuffix, fmt.Sprintf("names %s, which is empty", path), "write the value into the file")
		return "", false
	}
	return value, true
}

// flagLayer takes values by name. A name without a setting is a fault of the caller, reported like
// other faults.
func flagLayer(flags map[string]string, faults *Error) layer {
	names := make([]string, 0, len(flags))
	for name := range flags {
		names = append(names, name)
	}
	refuseUnknown(names, known(), faults)
	return layer{lookup: func(name string) string { return flags[name] }, where: " as flags"}
}

// senderOf returns the mail address in an SMTP URL's user, or "".
func senderOf(smtpURL string) string {
	u, err := url.Parse(smtpURL)
	if err != nil || u.User == nil || !isAddress(u.User.Username()) {
		return ""
	}
	return u.User.Username()
}
