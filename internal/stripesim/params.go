package stripesim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

type paramKind int

const (
	kindText paramKind = iota
	kindInteger
	kindBool
	kindEnum
	kindHash
	kindList
	kindMetadata
	kindAny
	kindCurrency
	kindRange
)

// param describes the allowed values of a request parameter.
type param struct {
	kind      paramKind
	required  bool
	clearable bool     // an empty text unsets it
	min, max  int64    // of integers; max 0 is no bound
	values    []string // of enums and of the elements of lists
	fields    params   // of hashes
}

// params are the parameters that an endpoint or a hash accepts.
type params map[string]param

func text() param                   { return param{kind: kindText} }
func clearableText() param          { return param{kind: kindText, clearable: true} }
func integer(low, high int64) param { return param{kind: kindInteger, min: low, max: high} }
func boolean() param                { return param{kind: kindBool} }
func enum(values ...string) param   { return param{kind: kindEnum, values: values} }
func hash(fields params) param      { return param{kind: kindHash, fields: fields} }
func listOf(values ...string) param { return param{kind: kindList, values: values} }
func metadataParam() param          { return param{kind: kindMetadata, clearable: true} }
func anything() param               { return param{kind: kindAny, clearable: true} }
func timeRange() param              { return param{kind: kindRange} }
func required(p param) param        { p.required = true; return p }
func clearable(p param) param       { p.clearable = true; return p }
func (p params) with(more params) params {
	out := maps.Clone(p)
	maps.Copy(out, more)
	return out
}

// check compares a decoded form with the parameters that the endpoint accepts.
func (p params) check(in *node, prefix string) *apiError {
	for _, name := range slices.Sorted(maps.Keys(in.children)) {
		if _, ok := p[name]; !ok {
			full := join(prefix, name)
			return invalid("parameter_unknown", "Received unknown parameter: "+full).on(full).notSaved()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		value, ok := in.children[name]
		if !ok {
			if p[name].required {
				full := join(prefix, name)
				return invalid("parameter_missing", fmt.Sprintf("Missing required param: %s.", full)).on(full).notSaved()
			}
			continue
		}
		if err := p[name].check(value, join(prefix, name)); err != nil {
			return err.notSaved()
		}
	}
	return nil
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "[" + name + "]"
}

func (p param) check(value *node, name string) *apiError {
	if !value.isHash() && value.text == "" {
		return p.checkEmpty(name)
	}
	switch p.kind {
	case kindHash:
		return p.checkHash(value, name)
	case kindMetadata:
		return checkMetadata(value, name)
	case kindRange:
		return checkRange(value, name)
	case kindList:
		return p.checkList(value, name)
	case kindAny:
		return nil
	}
	if value.isHash() {
		return invalid("", "Invalid string: "+name).on(name)
	}
	return p.checkScalar(value.text, name)
}

func (p param) checkEmpty(name string) *apiError {
	if p.clearable || p.kind == kindList {
		return nil
	}
	return invalid("parameter_invalid_empty", fmt.Sprintf("You passed an empty string for '%s'. We assume empty values are an attempt "+
		"to unset a parameter; however '%s' cannot be unset. You should remove '%s' from your request or supply a non-empty value.",
		name, name, name)).on(name)
}

func (p param) checkScalar(text, name string) *apiError {
	switch p.kind {
	case kindInteger:
		return p.checkInteger(text, name)
	case kindBool:
		if text != "true" && text != "false" {
			return invalid("", "Invalid boolean: "+text).on(name)
		}
	case kindEnum:
		if !slices.Contains(p.values, text) {
			return invalid("", fmt.Sprintf("Invalid %s: must be one of %s", name, orList(p.values))).on(name)
		}
	case kindCurrency:
		if !knownCurrency(text) {
			return invalid("", fmt.Sprintf("Invalid currency: %s. Stripe currently supports these currencies: %s", text,
				strings.Join(strings.Fields(supported), ", "))).on(name)
		}
	}
	if len(text) > 5000 {
		return invalid("", fmt.Sprintf("Invalid string: %s...; must be at most 5000 characters", text[:10])).on(name)
	}
	return nil
}

func (p param) checkInteger(text, name string) *apiError {
	value, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return invalid("parameter_invalid_integer", "Invalid integer: "+text).on(name)
	case value < p.min:
		return invalid("parameter_invalid_integer", fmt.Sprintf("This value must be greater than or equal to %d.", p.min)).on(name)
	case p.max != 0 && value > p.max:
		return invalid("parameter_invalid_integer", fmt.Sprintf("This value must be less than or equal to %d (it currently is '%d').", p.max, value)).on(name)
	}
	return nil
}

func (p param) checkHash(value *node, name string) *apiError {
	if !value.isHash() {
		return invalid("", "Invalid object").on(name)
	}
	return p.fields.check(value, name)
}

func (p param) checkList(value *node, name string) *apiError {
	if !value.isHash() {
		return invalid("", "Invalid array").on(name)
	}
	for i, key := range value.order {
		item := value.children[key].text
		if len(p.values) > 0 && !slices.Contains(p.values, item) {
			where := fmt.Sprintf("%s[%d]", name, i)
			return invalid("", fmt.Sprintf("Invalid %s: must be one of %s", where, orList(p.values))).on(where)
		}
	}
	return nil
}

// Stripe's limits on metadata.
const (
	maxMetadataKeys  = 50
	maxMetadataKey   = 40
	maxMetadataValue = 500
)

func checkMetadata(value *node, name string) *apiError {
	if !value.isHash() {
		return invalid("", "Invalid object").on(name)
	}
	if len(value.children) > maxMetadataKeys {
		return invalid("", "Metadata can have at most 50 keys").on(name)
	}
	for key, child := range value.children {
		if len(key) > maxMetadataKey {
			return invalid("", "Metadata keys can be at most 40 characters long").on(name)
		}
		if len(child.text) > maxMetadataValue {
			return invalid("", "Metadata values can have up to 500 characters").on(join(name, key))
		}
	}
	return nil
}

func checkRange(value *node, name string) *apiError {
	whole := integer(0, 0)
	if !value.isHash() {
		return whole.checkInteger(value.text, name)
	}
	bounds := params{"gt": whole, "gte": whole, "lt": whole, "lte": whole}
	return bounds.check(value, name)
}

func orList(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	last := len(values) - 1
	return strings.Join(values[:last], ", ") + ", or " + values[last]
}
