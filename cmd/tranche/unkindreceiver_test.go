package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// unkindReceiver is a merchant's endpoint that keeps all messages, and answers every few messages
// with their whole content.
type unkindReceiver struct {
	*httptest.Server
	heard
	secret string // of the endpoint, without its prefix

	messages int
}

func newUnkindReceiver(t *testing.T) *unkindReceiver {
	t.Helper()
	r := &unkindReceiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP keeps a message.
func (r *unkindReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.messages++
	n := r.messages
	_, _ = fmt.Fprintf(&r.text, "%v %s\n", req.Header, body)
	r.mu.Unlock()
	if n%3 == 0 {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprintf(w, "%v %s", req.Header, body)
	}
}

func (r *unkindReceiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages
}
