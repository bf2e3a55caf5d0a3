package billing

import "context"

// sendCheckKey is the context's key for the check before a request is sent.
type sendCheckKey struct{}

// BeforeSending returns a context whose requests call check again immediately before they are sent:
// after the wait for a connection, before the last byte. If check fails, the request is not carried
// out.
func BeforeSending(ctx context.Context, check func() error) context.Context {
	return context.WithValue(ctx, sendCheckKey{}, check)
}

// SendCheck returns the check that BeforeSending set; nil when there is none.
func SendCheck(ctx context.Context) func() error {
	check, _ := ctx.Value(sendCheckKey{}).(func() error)
	return check
}
