package app

import (
	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/dunning"
	"tranche/internal/notify"
)

// settings are what the configuration says about all plans and mails.
type settings struct {
	merchant notify.Merchant
	rules    billing.Rules
	policies dunning.Policies
}

// readSettings reads the settings and the files that they name. Errors: *config.Error,
// *dunning.PolicyError.
func readSettings(cfg config.Config) (settings, error) {
	var read settings
	var err error
	if read.merchant, err = Merchant(cfg); err != nil {
		return settings{}, err
	}
	if read.rules, err = Rules(cfg); err != nil {
		return settings{}, err
	}
	if read.policies, err = Policies(cfg); err != nil {
		return settings{}, err
	}
	return read, nil
}
