package stripegw

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"tranche/internal/clock"
	"tranche/internal/plaintext"
)

// maxAnswer bounds the body of a response, in bytes. Stripe's longest, a page of 100
// PaymentIntents, is well under 1 MiB.
const maxAnswer = 8 << 20

// errAnswerTooLong means that a response has more than maxAnswer bytes.
var errAnswerTooLong = errors.New("the answer is too long")

// answer is the response to one HTTP request. stripe-go drops the status and the body of a response
// that it can't decode, and both are needed to classify the failure.
type answer struct {
	status    int // 0: no response
	requestID string
	replayed  bool   // the response to an earlier request with the same key
	limitedBy string // of a 429: which limit was reached
	body      []byte
	whole     bool // the body was read to its end
	begun     bool // the request was handed to the network
}

// ok reports whether the response is complete and has a status of success.
func (a *answer) ok() bool { return a.whole && a.status >= 200 && a.status <= 299 }

// answerKey is the context key of the answer that a call fills in.
type answerKey struct{}

// withAnswer returns a context that makes the gateway's request record its response in a.
func withAnswer(ctx context.Context, a *answer) context.Context {
	return context.WithValue(ctx, answerKey{}, a)
}

// recorder is a transport that records each response for the call that made the request.
type recorder struct {
	next  http.RoundTripper
	dated func(date time.Time, took time.Duration) // may be nil
}

// CloseIdleConnections calls the transport's method, as http.Client expects.
func (r recorder) CloseIdleConnections() {
	if c, ok := r.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip reads the whole response, so a truncated body fails here like any other broken
// connection.
func (r recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	a, ok := req.Context().Value(answerKey{}).(*answer)
	if !ok {
		a = &answer{}
	}
	if err := checkHeader(req.Header); err != nil {
		return nil, err
	}
	a.begun = true
	began := clock.Clock{}.Instant()
	res, err := r.next.RoundTrip(checkedBody(req))
	if err != nil {
		return nil, err
	}
	r.date(res.Header, clock.Clock{}.Took(began))
	a.status, a.requestID = res.StatusCode, res.Header.Get("Request-Id")
	a.replayed = res.Header.Get("Idempotent-Replayed") == "true"
	a.limitedBy = res.Header.Get("Stripe-Rate-Limited-Reason")
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	_ = res.Body.Close() // it has been read, so a failure loses nothing
	if err == nil && len(body) > maxAnswer {
		err = errAnswerTooLong
	}
	if err != nil {
		return nil, err
	}
	body = plaintext.CleanJSON(body) // its names and messages are stored and shown
	a.body, a.whole = body, true
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// errNotHeader means that a header of the request can't be sent by HTTP.
var errNotHeader = errors.New("a header of the request holds characters that HTTP does not carry")

// checkHeader refuses the headers that net/http refuses, whose error looks like a broken
// connection.
func checkHeader(h http.Header) error {
	for _, values := range h {
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return errNotHeader
			}
		}
	}
	return nil
}

// date reports the Date of a response by Stripe's server. A cached response is ignored.
func (r recorder) date(h http.Header, took time.Duration) {
	if r.dated == nil || h.Get("Age") != "" {
		return
	}
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		date = time.Time{}
	}
	r.dated(date, took)
}
