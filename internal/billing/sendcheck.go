package billing

import "context"

// sendCheckKey is the context's key for the check before a request is sent.
type sendCheckKey struct{}

// BeforeSending has check called once more when a request made with the context goes out: after the
// wait for a connection, before the last byte. When it fails the request is not carried out.
func BeforeSending(ctx context.Context, check func() error) context.Context {
	return context.WithValue(ctx, sendCheckKey{}, check)
}

// SendCheck returns the check that BeforeSending set; nil when there is none.
func SendCheck(ctx context.Context) func() error {
	check, _ := ctx.Value(sendCheckKey{}).(func() error)
	return check
}
