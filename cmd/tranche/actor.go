package main

import (
	"context"
	"os"
	"os/user"

	"tranche/internal/billing"
)

// actingAs returns a context that names the person at the command line as the actor.
func (c *cli) actingAs(ctx context.Context, kind billing.ActorKind) context.Context {
	return billing.ActingAs(ctx, billing.Party{Actor: billing.NewActor(kind, c.userAtHost())})
}

// userAtHost returns the user of the command, as USER@HOST. With sudo it is the user who called
// sudo.
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
