package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"
)

// maxAnswer bounds the size of an answer; the largest is the simulator's whole state.
const maxAnswer = 1 << 30

// refusal is an answer other than 2xx.
type refusal struct {
	Status int
	Body   string
	Code   string // Stripe's error code, if the answer has one
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("answered %d: %.300s", r.Status, r.Body) }

// client is one party of the run that speaks HTTP. It keeps no connections: they would break with
// the processes.
type client struct {
	http *http.Client
	base string
	head http.Header
}

// newClient returns a client that sends the headers with every request.
func newClient(base string, head http.Header) *client {
	return &client{
		base: base, head: head,
		http: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

// call sends a request and decodes the answer. Errors: *refusal for any answer but 2xx.
func (c *client) call(ctx context.Context, method, path string, more http.Header, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for _, head := range []http.Header{c.head, more} {
		maps.Copy(req.Header, head)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return refused(resp.StatusCode, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

func refused(status int, answer []byte) *refusal {
	var failure struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	_ = json.Unmarshal(answer, &failure) // an answer that is not JSON has no code
	return &refusal{Status: status, Body: string(bytes.TrimSpace(answer)), Code: failure.Error.Code}
}
