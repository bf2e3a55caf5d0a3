package config

import (
	"fmt"
	"strconv"
)

func webhookSettings() []entry {
	const group = "Webhooks to you"
	return []entry{
		{Setting{Name: "TRANCHE_WEBHOOK_ALLOW_PRIVATE", Group: group, Default: "false",
			Doc: "Whether messages to your endpoints may go to private, loopback and other non-public addresses, and by http."},
			flag(func(c *Config) *bool { return &c.WebhookAllowPrivate })},
		{Setting{Name: "TRANCHE_WEBHOOK_CONCURRENCY", Group: group, Default: "10",
			Doc: "Maximum number of messages to your endpoints in flight in this process."},
			number(func(c *Config) *int { return &c.WebhookConcurrency })},
	}
}

func flag(at func(*Config) *bool) field {
	return field{
		set: func(c *Config, v string) *complaint {
			b, err := strconv.ParseBool(v)
			if err != nil {
				return &complaint{fmt.Sprintf("is %.40q, neither true nor false", v), "true or false"}
			}
			*at(c) = b
			return nil
		},
		get: func(c *Config) string { return strconv.FormatBool(*at(c)) },
	}
}
