package stripegw_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/stripegw"
)

// line is the connection to a Stripe that a test can interrupt. It is a transport instead of a
// server, so that it works in a synctest bubble.
type line struct {
	mu     sync.Mutex
	answer answer        // status 0: the connection breaks
	hold   chan struct{} // calls wait until it is closed; nil: they do not
	calls  int
}

// RoundTrip returns the response that the test has set.
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	l.calls++
	a, hold := l.answer, l.hold
	l.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if a.status == 0 {
		return nil, errors.New("connection reset by peer")
	}
	header := http.Header{}
	for k, v := range a.header {
		header.Set(k, v)
	}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

func (l *line) set(a answer) {
	l.mu.Lock()
	l.answer = a
	l.mu.Unlock()
}

func (l *line) made() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

var (
	broken   = answer{}
	wellDone = ok(`{"id":"pi_1","object":"payment_intent","status":"succeeded"}`)
)

// guardedGateway is a gateway behind a breaker with the default settings.
func guardedGateway(t *testing.T, l *line, limiter billing.Limiter) (*stripegw.Gateway, *stripegw.Breaker) {
	t.Helper()
	b := stripegw.NewBreaker(stripegw.BreakerConfig{Changed: func(to stripegw.BreakerState, wait time.Duration) {
		t.Logf("%s for %s", to, wait)
	}})
	return newGateway(t, stripegw.Config{SecretKey: testKey, Transport: l, Breaker: b, Limiter: limiter}), b
}

// charge makes one call.
func charge(ctx context.Context, g *stripegw.Gateway) error {
	_, err := g.CreatePaymentIntent(ctx, "att_1", billing.PaymentParams{Amount: 1, Currency: "usd"})
	return err
}

// requireParked requires that a call was not sent and is to be retried after a while.
func requireParked(t *testing.T, err error, wait time.Duration) {
	t.Helper()
	e := gatewayError(t, err)
	require.Equal(t, billing.GatewayParked, e.Kind)
	require.Equal(t, wait, e.RetryIn)
	require.True(t, e.Resend())
	require.ErrorIs(t, err, billing.ErrUnavailable)
}

func TestTheBreakerOpensOnlyWhenStripeIsNotAnswering(t *testing.T) {
	t.Parallel()
	page := "<html>Bad gateway</html>"
	for name, tc := range map[string]struct {
		answer answer
		opens  bool
	}{
		"connection lost": {broken, true},
		"500":             {answer{status: 500, body: errorBody("api_error", "")}, true},
		"a proxy's 502":   {answer{status: 502, body: page}, true},
		"503":             {answer{status: 503, body: errorBody("api_error", "")}, true},
		"a 500 kept under its key": {answer{status: 500, body: errorBody("api_error", ""),
			header: map[string]string{"Idempotent-Replayed": "true"}}, false},
		"declined":      {answer{status: 402, body: errorBody("card_error", "card_declined")}, false},
		"refused":       {answer{status: 400, body: errorBody("invalid_request_error", "parameter_missing")}, false},
		"wrong key":     {answer{status: 401, body: errorBody("invalid_request_error", "")}, false},
		"not found":     {answer{status: 404, body: errorBody("invalid_request_error", "resource_missing")}, false},
		"in progress":   {answer{status: 409, body: errorBody("idempotency_error", "idempotency_key_in_use")}, false},
		"too many":      {answer{status: 429, body: errorBody("invalid_request_error", "rate_limit")}, false},
		"locked":        {answer{status: 429, body: errorBody("invalid_request_error", "lock_timeout")}, false},
		"an odd object": {ok(`{"id":17}`), false},
		"a page":        {ok(page), false},
		"well":          {wellDone, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &line{answer: tc.answer}
				g, b := guardedGateway(t, l, nil)
				for range 20 {
					_ = charge(t.Context(), g)
				}
				if tc.opens {
					require.Equal(t, stripegw.BreakerOpen, b.State())
					require.Equal(t, 5, l.made())
					return
				}
				require.Equal(t, stripegw.BreakerClosed, b.State())
				require.Equal(t, 20, l.made())
			})
		})
	}
}

// TestBreaker_RequestThatCanNotBeSent: a request that HTTP can't send shows nothing about Stripe.
func TestBreaker_RequestThatCanNotBeSent(t *testing.T) {
	t.Parallel()
	f := &fakeStripe{answers: []answer{wellDone}}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	b := stripegw.NewBreaker(stripegw.BreakerConfig{})
	g := newGateway(t, stripegw.Config{SecretKey: testKey, APIBase: srv.URL, Breaker: b})
	for _, account := range []string{"acct_x\r\nX-Y: z", "acct_\x00", "acct_\x7f"} {
		for range stripegw.DefaultFailures + 1 {
			e := gatewayError(t, charge(billing.OnAccount(t.Context(), account), g))
			require.Equal(t, billing.GatewayRejected, e.Kind)
			require.False(t, e.Resend())
			require.Contains(t, e.Error(), "not sent: a header of the request holds characters that HTTP does not carry")
		}
	}
	require.Equal(t, stripegw.BreakerClosed, b.State())
	require.Empty(t, f.requests)
	require.NoError(t, charge(t.Context(), g))
}

func TestAnAnswerBetweenFailuresKeepsTheBreakerClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &line{}
		g, b := guardedGateway(t, l, nil)
		for range 5 {
			for range 4 {
				l.set(broken)
				require.Error(t, charge(t.Context(), g))
			}
			l.set(answer{status: 402, body: errorBody("card_error", "card_declined")})
			require.Error(t, charge(t.Context(), g))
		}
		require.Equal(t, stripegw.BreakerClosed, b.State())
		l.set(broken)
		for range 4 {
			require.Error(t, charge(t.Context(), g))
		}
		<-time.After(stripegw.DefaultWindow + time.Second) // in the bubble: no real time passes
		require.Error(t, charge(t.Context(), g))
		require.Equal(t, stripegw.BreakerClosed, b.State(), "failures that lie far apart are not an outage")
	})
}

// TestTheBreakerProbesLessAndLessOftenAndClosesByItself simulates an outage.
func TestTheBreakerProbesLessAndLessOftenAndClosesByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &line{}
		g, b := guardedGateway(t, l, nil)
		for range 5 {
			require.Error(t, charge(t.Context(), g))
		}
		for i, seconds := range []int{10, 20, 40, 80, 120, 120} {
			wait := time.Duration(seconds) * time.Second
			requireParked(t, charge(t.Context(), g), wait)
			_, err := g.PaymentIntent(t.Context(), "pi_1")
			requireParked(t, err, wait)
			_, _, err = g.Acquire(t.Context())
			requireParked(t, err, wait)
			require.Equal(t, 5+i, l.made(), "nothing is sent")
			<-time.After(wait) // in the bubble: no real time passes
			require.Equal(t, stripegw.BreakerHalfOpen, b.State())
			require.Error(t, charge(t.Context(), g))
			require.Equal(t, 6+i, l.made(), "one call is a probe")
			require.Equal(t, stripegw.BreakerOpen, b.State())
		}
		l.set(wellDone)
		<-time.After(2 * time.Minute) // in the bubble: no real time passes
		require.NoError(t, charge(t.Context(), g))
		require.Equal(t, stripegw.BreakerClosed, b.State())

		l.set(broken)
		for range 5 {
			require.Error(t, charge(t.Context(), g))
		}
		requireParked(t, charge(t.Context(), g), 10*time.Second)
	})
}

func TestOneProbeAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &line{}
		g, b := guardedGateway(t, l, nil)
		for range 5 {
			require.Error(t, charge(t.Context(), g))
		}
		<-time.After(10 * time.Second) // in the bubble: no real time passes
		l.hold = make(chan struct{})
		l.set(wellDone)
		probe := make(chan error)
		go func() { probe <- charge(t.Context(), g) }()
		synctest.Wait()
		for range 10 {
			requireParked(t, charge(t.Context(), g), 10*time.Second)
		}
		require.Equal(t, 6, l.made())
		close(l.hold)
		require.NoError(t, <-probe)
		require.Equal(t, stripegw.BreakerClosed, b.State())
	})
}

// TestACallerWhoHangsUpTellsNothing neither opens the breaker nor uses up the probe.
func TestACallerWhoHangsUpTellsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &line{answer: wellDone, hold: make(chan struct{})}
		g, b := guardedGateway(t, l, nil)
		impatient := func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.Equal(t, billing.GatewayUnknown, gatewayError(t, charge(ctx, g)).Kind)
		}
		for range 10 {
			impatient()
		}
		require.Equal(t, stripegw.BreakerClosed, b.State())
		for range 5 { // Stripe itself hangs: the gateway's own timeout ends the call
			require.Error(t, charge(t.Context(), g))
		}
		require.Equal(t, stripegw.BreakerOpen, b.State())
		<-time.After(10 * time.Second) // in the bubble: no real time passes
		impatient()
		require.Equal(t, stripegw.BreakerHalfOpen, b.State())
		close(l.hold)
		require.NoError(t, charge(t.Context(), g))
	})
}

// turns is a limiter that records its calls.
type turns struct {
	waited, slowed []billing.Bucket
	err            error
}

// Wait records a request for a token.
func (n *turns) Wait(_ context.Context, bucket billing.Bucket) error {
	n.waited = append(n.waited, bucket)
	return n.err
}

// Throttled records a report.
func (n *turns) Throttled(_ context.Context, bucket billing.Bucket) {
	n.slowed = append(n.slowed, bucket)
}

func TestEveryCallWaitsForItsTurnInItsLane(t *testing.T) {
	t.Parallel()
	writes := map[string]bool{"create": true, "confirm": true, "cancel": true, "attach": true, "customer": true, "set up": true}
	for name := range everyCall(nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, n := &line{answer: wellDone}, &turns{}
			g, _ := guardedGateway(t, l, n)
			_ = everyCall(g)[name](t.Context())
			want := billing.ReadBucket
			if writes[name] {
				want = billing.WriteBucket
			}
			require.Equal(t, []billing.Bucket{want}, n.waited)
			require.Equal(t, 1, l.made())

			n.err = fmt.Errorf("too many wait: %w", billing.ErrUnavailable)
			requireParked(t, everyCall(g)[name](t.Context()), 0)
			require.Equal(t, 1, l.made(), "nothing is sent")
		})
	}
}

// TestLeaveTakenAheadServesTheFirstCall waits once for the permit and its call, with any kind of
// call.
func TestLeaveTakenAheadServesTheFirstCall(t *testing.T) {
	t.Parallel()
	n := &turns{}
	g, _ := guardedGateway(t, &line{answer: wellDone}, n)
	ctx, release, err := g.Acquire(t.Context())
	require.NoError(t, err)
	require.Equal(t, []billing.Bucket{billing.WriteBucket}, n.waited)
	require.NoError(t, charge(ctx, g))
	require.Len(t, n.waited, 1)
	require.NoError(t, charge(ctx, g))
	require.Equal(t, []billing.Bucket{billing.WriteBucket, billing.WriteBucket}, n.waited, "a second call waits for its own")
	release()
	release()
}

// TestLeaveThatIsNotUsedIsGivenBack leaves the probe to the next caller.
func TestLeaveThatIsNotUsedIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, n := &line{}, &turns{}
		g, b := guardedGateway(t, l, n)
		for range 5 {
			require.Error(t, charge(t.Context(), g))
		}
		waited := len(n.waited)
		_, _, err := g.Acquire(t.Context())
		requireParked(t, err, 10*time.Second)
		require.Len(t, n.waited, waited, "no call waits for a token while the breaker is open")

		<-time.After(10 * time.Second) // in the bubble: no real time passes
		_, release, err := g.Acquire(t.Context())
		require.NoError(t, err)
		requireParked(t, charge(t.Context(), g), 10*time.Second)
		release() // the charge was paid meanwhile

		l.set(wellDone)
		ctx, release, err := g.Acquire(t.Context())
		require.NoError(t, err)
		_, err = g.PaymentIntent(ctx, "pi_1") // a look-up, in the end
		require.NoError(t, err)
		require.Equal(t, billing.ReadBucket, n.waited[len(n.waited)-1])
		release()
		require.Equal(t, stripegw.BreakerClosed, b.State())
	})
}

func TestALimitSlowsTheLaneThatMetIt(t *testing.T) {
	t.Parallel()
	read, write := billing.ReadBucket, billing.WriteBucket
	for name, tc := range map[string]struct {
		status       int
		code, reason string
		want         []billing.Bucket
	}{
		"rate limit":            {429, "rate_limit", "", []billing.Bucket{write}},
		"of the endpoint":       {429, "rate_limit", "endpoint-rate", []billing.Bucket{write}},
		"endpoint concurrency":  {429, "rate_limit", "endpoint-concurrency", []billing.Bucket{write}},
		"of the account":        {429, "rate_limit", "global-rate", []billing.Bucket{read, write}},
		"account's concurrency": {429, "", "global-concurrency", []billing.Bucket{read, write}},
		"a reason and no code":  {429, "", "endpoint-rate", []billing.Bucket{write}},
		"neither":               {429, "", "", []billing.Bucket{write}},
		"of one object":         {429, "rate_limit", "resource-specific", nil},
		"locked object":         {429, "lock_timeout", "", nil},
		"the card's own":        {402, "card_decline_rate_limit_exceeded", "", nil},
		"server error":          {500, "rate_limit", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := answer{status: tc.status, body: errorBody("invalid_request_error", tc.code)}
			if tc.reason != "" {
				a.header = map[string]string{"Stripe-Rate-Limited-Reason": tc.reason}
			}
			n := &turns{}
			g, _ := guardedGateway(t, &line{answer: a}, n)
			require.Error(t, charge(t.Context(), g))
			require.Equal(t, tc.want, n.slowed)
		})
	}
}
