// Package policyfile reads dunning policies from TOML.
package policyfile

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/BurntSushi/toml"

	"tranche/internal/calendar"
	"tranche/internal/dunning"
)

// Parse reads policies: tables [policy.NAME], each with its differences from the default policy,
// which [policy.default] changes. file is the name for errors. Errors: *dunning.PolicyError with
// every fault.
func Parse(file string, data []byte, chargeTime calendar.LocalTime) (dunning.Policies, error) {
	var doc struct {
		Policy map[string]toml.Primitive `toml:"policy"`
	}
	meta, err := toml.NewDecoder(bytes.NewReader(data)).Decode(&doc)
	if err != nil {
		return dunning.Policies{}, &dunning.PolicyError{
			File: file, Faults: []dunning.Fault{{Where: "the file", Problem: "is not TOML: " + err.Error()}},
		}
	}
	r := reader{meta: meta}
	base := dunning.DefaultPolicy(chargeTime)
	if own, ok := doc.Policy[dunning.DefaultName]; ok {
		r.read(own, &base)
	}
	list := []dunning.Policy{base}
	for _, name := range slices.Sorted(maps.Keys(doc.Policy)) {
		if name == dunning.DefaultName {
			continue
		}
		p := base.Clone() // decoding over the default must not change the default
		p.Name = name
		r.read(doc.Policy[name], &p)
		list = append(list, p)
	}
	for _, key := range meta.Undecoded() {
		r.faults = append(r.faults, dunning.Fault{Where: key.String(), Problem: "is not a setting of a policy"})
	}
	return dunning.NewPolicies(file, list, r.faults)
}

type reader struct {
	meta   toml.MetaData
	faults []dunning.Fault
}

// read applies the settings of a table.
func (r *reader) read(table toml.Primitive, p *dunning.Policy) {
	if err := r.meta.PrimitiveDecode(table, p); err != nil {
		r.faults = append(r.faults, dunning.Fault{Where: "policy." + p.Name, Problem: fmt.Sprintf("can't be read: %s", err)})
	}
}
