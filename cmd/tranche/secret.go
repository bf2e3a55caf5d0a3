package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/operator"
)

func (c *cli) secretCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "secret", Short: "Manage the secrets that are sealed in the database", Args: noArgs,
		Long: `The signing secrets of your endpoints are sealed in the database with TRANCHE_SECRET_KEY. SECURITY.md describes the rotation of
each secret.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(c.secretResealCommand())
	return cmd
}

func (c *cli) secretResealCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "reseal", Short: "Seal every secret with the newest key of TRANCHE_SECRET_KEY", Args: noArgs,
		Long: `Seal every secret in the database with the first key of TRANCHE_SECRET_KEY, so that the other keys can be removed. It may run
while serve runs, and can be repeated. Exit code 3 if no key opens one of the secrets; the other secrets are still sealed.`,
		Example: `  TRANCHE_SECRET_KEY=NEW,OLD tranche secret reseal`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withEndpoints(cmd.Context(), config.NeedsSeal, func(o *operator.Endpoints, _ time.Time) error {
				found, err := c.reseal(cmd.Context(), o, dryRun)
				if err != nil {
					return endedEarly(err, found.Older > 0)
				}
				return c.printSealed(found, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "count the secrets and change nothing")
	return cmd
}

// reseal seals the secrets again, or only counts them.
func (c *cli) reseal(ctx context.Context, o *operator.Endpoints, dryRun bool) (operator.SealedSecrets, error) {
	if dryRun {
		return o.Sealed(ctx)
	}
	p := newProgress(c.talk, "reseal", 0)
	defer p.end()
	return o.Reseal(ctx, func(done, of int) { p.at(int64(done), fmt.Sprintf("%d of %d endpoints", done, of)) })
}

// printSealed prints the result. Its error names the endpoints whose secrets no key opens.
func (c *cli) printSealed(found operator.SealedSecrets, dryRun bool) error {
	unopened := endpointIDs(found.Unopened)
	if c.json {
		if err := c.printJSON(map[string]any{
			"object": "reseal", "dry_run": dryRun, "resealed": found.Older, "newest_before": found.Newest, "expired_removed": found.Expired, "unopened": unopened,
		}); err != nil {
			return err
		}
	} else {
		would := ""
		if dryRun {
			would = "would be "
		}
		fmt.Fprintf(c.out, "%d secrets %ssealed with the newest key\n%d were already\n%d expired secrets %sremoved\n", found.Older, would, found.Newest, found.Expired, would)
	}
	if len(unopened) > 0 {
		return partialError{fmt.Errorf("no key opens a secret of %s: add the key that sealed it, or rotate the secret with tranche endpoint rotate", strings.Join(unopened, " "))}
	}
	if !dryRun {
		fmt.Fprintln(c.talk, "the older keys can be removed from TRANCHE_SECRET_KEY")
	}
	return nil
}

func endpointIDs(endpoints []billing.Endpoint) []string {
	ids := make([]string, len(endpoints))
	for i, e := range endpoints {
		ids[i] = string(e.ID)
	}
	return ids
}

// secrets reports which keys seal the secrets of endpoints.
func (e *examination) secrets(ctx context.Context) {
	const check = "secrets"
	if e.store == nil {
		return // reported with the database
	}
	endpoints, err := app.NewEndpoints(e.cfg, e.store, e.clock)
	if err != nil {
		e.fail(check, err.Error(), "see TRANCHE_SECRET_KEY")
		return
	}
	found, err := endpoints.Sealed(ctx)
	if err != nil {
		e.failed(check, err, "see DATABASE_URL")
		return
	}
	const otherKey = "add the key that sealed it, after the newest key and a comma, then run tranche secret reseal; if it is lost, run tranche endpoint rotate ID"
	switch {
	case len(found.Silent) > 0:
		e.fail(check, fmt.Sprintf("no key opens the secret of %d endpoints, which get no messages: %s", len(found.Silent), strings.Join(endpointIDs(found.Silent), " ")), otherKey)
	case len(found.Unopened) > 0:
		e.warn(check, fmt.Sprintf("no key opens a secret of %d endpoints: %s", len(found.Unopened), strings.Join(endpointIDs(found.Unopened), " ")), otherKey)
	}
	if found.Older > 0 {
		e.warn(check, fmt.Sprintf("%d of %d secrets of endpoints are sealed with an older key", found.Older, found.Older+found.Newest),
			"run tranche secret reseal before you remove that key from TRANCHE_SECRET_KEY")
	} else if found.Newest > 0 {
		e.ok(check, "%d secrets of endpoints are sealed with the newest key", found.Newest)
	}
}
