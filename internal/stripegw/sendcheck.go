package stripegw

import (
	"errors"
	"io"
	"net/http"

	"tranche/internal/billing"
)

// errNotSent means that the check stopped the request before it was sent.
var errNotSent = errors.New("not sent: held up for too long")

// checkedBody returns the request with a body that fails when the context's check fails. The
// transport reads the body once it has a connection, and Stripe does not carry out a truncated
// request.
func checkedBody(req *http.Request) *http.Request {
	check := billing.SendCheck(req.Context())
	if check == nil || req.Body == nil || req.Body == http.NoBody {
		return req
	}
	req = req.Clone(req.Context())
	req.Body = &gatedBody{ReadCloser: req.Body, check: check}
	if again := req.GetBody; again != nil { // called if a kept connection turns out to be closed
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return &gatedBody{ReadCloser: body, check: check}, nil
		}
	}
	return req
}

// gatedBody calls the check before each read.
type gatedBody struct {
	io.ReadCloser
	check func() error
}

// Read reads, or fails with errNotSent.
func (b *gatedBody) Read(p []byte) (int, error) {
	if b.check() != nil {
		return 0, errNotSent
	}
	return b.ReadCloser.Read(p)
}
