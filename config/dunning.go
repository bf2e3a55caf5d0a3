package config

func dunningSettings() []entry {
	return []entry{
		{Setting{Name: "TRANCHE_DUNNING_FILE", Group: "Dunning", Example: "/etc/tranche/dunning.toml",
			Doc: "A TOML file of dunning policies, [policy.NAME]: when declined charges are retried, and when a plan defaults. " +
				"`tranche dunning policies` shows all policies. Empty: only the built-in default policy."},
			text(func(c *Config) *string { return &c.DunningFile })},
	}
}
