package handlers

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"tranche/internal/clock"
)

// Limits bound the resources that strangers can use in a process. A field that is 0 has the
// default.
type Limits struct {
	Body   time.Duration // for the body of a request to arrive
	Answer time.Duration // for the client to read the answer; a stream has it for each part

	// The bytes of bodies in memory, across all requests of a kind. A flood of one kind does not
	// affect the others.
	WebhookBytes int64
	PageBytes    int64 // of the recovery page
	APIBytes     int64 // of /v1, with a key
}

// withDefaults fills in the fields that are 0. Stripe sends a body at once, and an event has a few
// kilobytes: the limits are far above normal use and within 256 MB of memory.
func (l Limits) withDefaults() Limits {
	return Limits{
		Body: cmp.Or(l.Body, 10*time.Second), Answer: cmp.Or(l.Answer, 30*time.Second),
		WebhookBytes: cmp.Or(l.WebhookBytes, 32<<20), PageBytes: cmp.Or(l.PageBytes, 8<<20), APIBytes: cmp.Or(l.APIBytes, 32<<20),
	}
}

// budgets are the bytes that each kind of request may hold.
type budgets struct{ webhooks, page, api *semaphore.Weighted }

func newBudgets(l Limits) budgets {
	return budgets{semaphore.NewWeighted(l.WebhookBytes), semaphore.NewWeighted(l.PageBytes), semaphore.NewWeighted(l.APIBytes)}
}

// errBusy means that the requests together have reached the limit of bytes.
var errBusy = errors.New("too many request bodies at once")

// metered counts the bytes of a request's body against a budget as they arrive, until the request
// is answered. It ignores Content-Length, which a stranger can set to anything.
func metered(budget *semaphore.Weighted, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &meteredBody{ReadCloser: r.Body, budget: budget}
		defer func() { budget.Release(body.held) }()
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

type meteredBody struct {
	io.ReadCloser
	budget *semaphore.Weighted
	held   int64
}

// Read fails with errBusy if the budget has no room for the bytes that arrived.
func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 && !b.budget.TryAcquire(int64(n)) {
		return 0, errBusy
	}
	b.held += int64(n)
	return n, err
}

// unreadTimeout is how long a connection stays open for a body that the handler did not read.
const unreadTimeout = time.Second

// timed ends a request whose body does not arrive in time, and an answer that the client does not
// read in time. It sets no deadline for the work of the handler.
func timed(c clock.Clock, l Limits, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := http.NewResponseController(w)
		_ = conn.SetWriteDeadline(time.Time{}) // the deadline of the previous answer; a test's recorder has none
		if r.ContentLength != 0 {
			_ = conn.SetReadDeadline(c.Wall().Add(l.Body))
			body := &timedBody{ReadCloser: r.Body, lift: func() { _ = conn.SetReadDeadline(time.Time{}) }}
			r.Body = body
			defer func() {
				if !body.arrived { // net/http reads the rest, to use the connection again
					_ = conn.SetReadDeadline(c.Wall().Add(min(unreadTimeout, l.Body)))
				}
			}()
		}
		out := &timedWriter{ResponseWriter: w, begin: func() { _ = conn.SetWriteDeadline(c.Wall().Add(l.Answer)) }}
		defer out.started()
		next.ServeHTTP(out, r)
	})
}

// timedBody removes the deadline once the body has arrived. If a deadline passed later, net/http
// would assume that the client is gone.
type timedBody struct {
	io.ReadCloser
	lift    func()
	arrived bool
}

// Read removes the deadline at the end of the body.
func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.arrived = true
		b.lift()
	}
	return n, err
}

// timedWriter sets the deadline of an answer when the answer begins.
type timedWriter struct {
	http.ResponseWriter
	begin func()
	begun bool
}

func (w *timedWriter) started() {
	if !w.begun {
		w.begun = true
		w.begin()
	}
}

// WriteHeader begins the answer.
func (w *timedWriter) WriteHeader(status int) {
	w.started()
	w.ResponseWriter.WriteHeader(status)
}

// Write begins the answer.
func (w *timedWriter) Write(p []byte) (int, error) {
	w.started()
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
