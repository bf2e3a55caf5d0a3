// Command tranche collects money that falls due later: it saves the card from a first payment and
// charges each later amount off-session on Stripe, exactly once.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones for machines without their own
)

// version is stamped by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program, separate from the process for tests.
func run(ctx context.Context, args []string, env func(string) string, in io.Reader, out, talk io.Writer) int {
	c := &cli{env: env, in: in, out: out, talk: talk}
	root := c.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(talk)
	return c.report(root.ExecuteContext(ctx))
}
