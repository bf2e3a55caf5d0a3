package main

import (
	"context"
	"os"
	"os/user"

	"tranche/internal/billing"
)

// actingAs returns the context in which the person at the command line acts.
func (c *cli) actingAs(ctx context.Context, kind billing.ActorKind) context.Context {
	return billing.ActingAs(ctx, billing.Party{Actor: billing.NewActor(kind, c.userAtHost())})
}

// userAtHost is who runs the command, as USER@HOST. Behind sudo it is the person who called sudo.
func (c *cli) userAtHost() string {
	name := "unknown"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if caller := c.env("SUDO_USER"); caller != "" && os.Geteuid() == 0 {
		name = caller
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}
