package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// fileLayer reads the configuration file, if one is named.
func fileLayer(s Sources, faults *Error) layer {
	path := s.File
	if path == "" {
		path = s.Env(fileVariable)
	}
	values := map[string]string{}
	if path != "" {
		values = readTOML(path, s.ReadFile, faults)
	}
	return layer{lookup: func(name string) string { return values[strings.ToLower(name)] }, where: " in " + path}
}

// readTOML reads a file's keys as text. Its faults quote nothing from the file, which may hold
// secrets.
func readTOML(path string, read func(string) ([]byte, error), faults *Error) map[string]string {
	data, err := read(path)
	if err != nil {
		faults.add(path, "can't be read", reason(err))
		return nil
	}
	var doc map[string]any
	if _, err := toml.Decode(string(data), &doc); err != nil {
		faults.add(path, "is not valid TOML"+position(err), `write key = "value", one a line`)
		return nil
	}
	keys := make([]string, 0, len(doc))
	for key := range doc {
		keys = append(keys, key)
	}
	refuseUnknown(keys, lowered(known()), faults)
	values := map[string]string{}
	for key, v := range doc {
		text, ok := plain(v)
		if !ok && slices.Contains(lowered(known()), key) {
			faults.add(strings.ToUpper(key), "in "+path+" is neither text nor a number", `write key = "value"`)
		}
		values[key] = text
	}
	return values
}

// position returns the line of a TOML syntax error.
func position(err error) string {
	if parse, ok := errors.AsType[toml.ParseError](err); ok {
		return fmt.Sprintf(" at line %d", parse.Position.Line)
	}
	return ""
}

// plain turns a TOML value into the text that the environment would hold. A list is joined with
// commas.
func plain(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			text, ok := e.(string)
			if !ok {
				return "", false
			}
			parts[i] = text
		}
		return strings.Join(parts, ","), true
	}
	return "", false
}

// reason explains why a file can't be read, without its path.
func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "this user may not read it"
	}
	return "reading it fails"
}
