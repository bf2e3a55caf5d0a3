package app

import (
	"fmt"
	"os"

	"tranche/config"
	"tranche/internal/calendar"
	"tranche/internal/dunning"
	"tranche/internal/dunning/policyfile"
)

// Policies reads the dunning policies of a configuration. Errors: *dunning.PolicyError with every
// fault in the file.
func Policies(cfg config.Config) (dunning.Policies, error) {
	chargeTime, err := calendar.ParseLocalTime(cfg.ChargeTime)
	if err != nil {
		return dunning.Policies{}, err
	}
	if cfg.DunningFile == "" {
		return dunning.DefaultPolicies(chargeTime), nil
	}
	data, err := os.ReadFile(cfg.DunningFile)
	if err != nil {
		return dunning.Policies{}, &dunning.PolicyError{
			File: cfg.DunningFile, Faults: []dunning.Fault{{Where: "TRANCHE_DUNNING_FILE", Problem: fmt.Sprintf("can't be read: %v", err)}},
		}
	}
	return policyfile.Parse(cfg.DunningFile, data, chargeTime)
}
