package config

import (
	"net"
	"slices"
)

// Warnings lists settings that work but may do harm. A process logs them at startup.
func (c Config) Warnings() []Fault { return slices.Concat(c.Cleartext(), c.WeakKeys(), c.OpenAdmin()) }

// OpenAdmin lists the admin address if other machines can reach it. This is only a warning: a
// private network can be safe, and Prometheus may need the address.
func (c Config) OpenAdmin() []Fault {
	host, _, err := net.SplitHostPort(c.AdminAddr)
	if c.AdminAddr == Off || err != nil || host != "" && !anyRemote(host) { // no host means every address
		return nil
	}
	return []Fault{{"TRANCHE_ADMIN_ADDR", "lets other machines read metrics and alarms without a key",
		"let only your monitoring reach it, by its network or a firewall, or use 127.0.0.1:9464"}}
}
