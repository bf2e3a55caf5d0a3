package stripegw

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

// maxAnswer bounds the body of an answer, in bytes. Stripe's longest, a page of 100 PaymentIntents,
// is well under 1 MiB.
const maxAnswer = 8 << 20

// errAnswerTooLong is an answer of more than maxAnswer bytes.
var errAnswerTooLong = errors.New("the answer is too long")

// answer is what came back from one HTTP request. stripe-go drops the status and the body of an
// answer that it can't decode, and both decide what the failure means.
type answer struct {
	status    int // 0: no answer
	requestID string
	replayed  bool   // it is the answer to an earlier request with the same key
	limitedBy string // of a 429: which limit was met
	body      []byte
	whole     bool // the body was read to its end
	begun     bool // the request was handed to the network
}

// ok says whether the answer is a whole one with a status of success.
func (a *answer) ok() bool { return a.whole && a.status >= 200 && a.status <= 299 }

// answerKey is the context key under which a call waits for its answer.
type answerKey struct{}

// withAnswer returns a context in which a request of the gateway's notes its answer in a.
func withAnswer(ctx context.Context, a *answer) context.Context {
	return context.WithValue(ctx, answerKey{}, a)
}

// recorder is a transport that notes each answer for the call that made the request.
type recorder struct {
	next  http.RoundTripper
	dated func(date time.Time, took time.Duration) // may be nil
}

// CloseIdleConnections passes the wish on to the transport, as http.Client expects.
func (r recorder) CloseIdleConnections() {
	if c, ok := r.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip reads the answer whole, so a body cut short fails here like any other broken
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
	_ = res.Body.Close() // it has been read; nothing is left to lose
	if err == nil && len(body) > maxAnswer {
		err = errAnswerTooLong
	}
	if err != nil {
		return nil, err
	}
	body = billing.CleanJSON(body) // names and messages in it are stored and shown
	a.body, a.whole = body, true
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// errNotHeader is a request with a header that HTTP can't carry.
var errNotHeader = errors.New("a header of the request holds characters that HTTP does not carry")

// checkHeader refuses what net/http refuses: there it looks like a broken connection.
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

// date reports the time that Stripe's server gave an answer. One that a cache kept says nothing.
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
