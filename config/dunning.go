package config

func dunningSettings() []entry {
	return []entry{
		{Setting{Name: "TRANCHE_DUNNING_FILE", Group: "Dunning", Example: "/etc/tranche/dunning.toml",
			Doc: "A TOML file of dunning policies, [policy.NAME]: when declined charges are tried again, and when a plan is given up. " +
				"`tranche dunning policies` shows them all. Empty: the built-in default policy alone."},
			text(func(c *Config) *string { return &c.DunningFile })},
	}
}
