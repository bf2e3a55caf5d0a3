package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/stripe/stripe-mock/embedded"
	"github.com/stripe/stripe-mock/server"
	"github.com/stripe/stripe-mock/spec"
)

// Requests passes requests to next, and reports each one below /v1 that Stripe's description
// refuses: unknown, missing or ill-typed parameters, wrong enums, unknown endpoints, another
// Stripe-Version. report may be called concurrently. The error reports that the description could
// not be used.
func (c *Contract) Requests(next http.Handler, report func(Violation)) (http.Handler, error) {
	var fixtures spec.Fixtures
	if err := json.Unmarshal(embedded.OpenAPIFixtures, &fixtures); err != nil {
		return nil, fmt.Errorf("contract: fixtures: %w", err)
	}
	stub, err := server.NewStubServer(&fixtures, &c.spec, true, false)
	if err != nil {
		return nil, fmt.Errorf("contract: stub server: %w", err)
	}
	var mu sync.Mutex // the stub server is not said to be safe for concurrent use
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/") {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		problem := refuse(stub, r, body)
		mu.Unlock()
		if problem != "" {
			report(Violation{Method: r.Method, Path: r.URL.Path, Problem: problem})
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	}), nil
}

// refuse returns the stub server's error for a request, or "". The key of requests with a
// publishable key is replaced by a secret key, because the stub server accepts no others.
func refuse(stub *server.StubServer, r *http.Request, body []byte) string {
	again := r.Clone(r.Context())
	again.Header.Set("Authorization", "Bearer sk_test_123")
	again.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	stub.HandleRequest(answer, again)
	if answer.Code == http.StatusOK {
		return ""
	}
	var refused struct {
		Error struct{ Message string }
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &refused); err != nil || refused.Error.Message == "" {
		return fmt.Sprintf("status %d", answer.Code)
	}
	return refused.Error.Message
}
