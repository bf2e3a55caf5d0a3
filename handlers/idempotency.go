package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/planning"
)

// replayedHeader reports, as at Stripe, that the request was already executed. Source:
// docs.stripe.com/api/idempotent_requests.
const replayedHeader = "Idempotent-Replayed"

// keyOf returns the request's Idempotency-Key, which may be empty. If the key is invalid, keyOf
// sends the answer and returns false.
func keyOf(w http.ResponseWriter, r *http.Request) (string, bool) {
	key := r.Header.Get("Idempotency-Key")
	if len(key) <= maxKeyLength && isPrintable(key) {
		return key, true
	}
	writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "bad_idempotency_key",
		Detail: fmt.Sprintf("the Idempotency-Key is longer than %d characters, or holds characters other than printable ASCII", maxKeyLength)})
	return "", false
}

// changeOnce returns the operator for a change. If the request has an Idempotency-Key, the operator
// makes the change only once. A repeated request is answered with the plan's current state, and
// changeOnce returns false.
func (a changeAPI) changeOnce(w http.ResponseWriter, r *http.Request) (*operator.Operator, bool) {
	key, ok := keyOf(w, r)
	if !ok || key == "" {
		return a.operator, ok
	}
	q, err := a.requestOf(r, key)
	if err != nil {
		a.fail(w, r, err)
		return nil, false
	}
	switch before, err := a.store.Request(r.Context(), key); {
	case errors.Is(err, billing.ErrNotFound):
		return a.operator.With(operator.Options{Request: &q}), true
	case err == nil && before.Fingerprint != q.Fingerprint:
		a.fail(w, r, planning.ErrKeyReused)
	case err != nil:
		a.fail(w, r, err)
	default:
		a.answerReplay(w, r, before.PlanID)
	}
	return nil, false
}

// requestOf returns the record of a request: a hash of its method, path and body, and the plan that
// it changes. The body can be read again afterwards.
func (a changeAPI) requestOf(r *http.Request, key string) (billing.Request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAPIBody+1)) // decodeBody refuses a longer body
	if err != nil {
		return billing.Request{}, fmt.Errorf("read the body: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	plan := billing.PlanID(r.PathValue("id"))
	if strings.HasPrefix(r.URL.Path, "/v1/charges/") {
		charge, err := a.store.Charge(r.Context(), billing.ChargeID(plan))
		if err != nil {
			return billing.Request{}, err
		}
		plan = charge.PlanID
	}
	if _, err := a.store.Plan(r.Context(), plan); err != nil {
		return billing.Request{}, err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", r.Method, r.URL.Path, body))
	return billing.Request{Key: key, Fingerprint: hex.EncodeToString(sum[:]), PlanID: plan, CreatedAt: a.clock.Now()}, nil
}

// answerLate answers a request after a concurrent request with the same key has made the change.
func (a changeAPI) answerLate(w http.ResponseWriter, r *http.Request, late billing.Request) {
	before, err := a.store.Request(r.Context(), late.Key)
	if err == nil && before.Fingerprint != late.Fingerprint {
		err = planning.ErrKeyReused
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.answerReplay(w, r, before.PlanID)
}

func (a changeAPI) answerReplay(w http.ResponseWriter, r *http.Request, plan billing.PlanID) {
	w.Header().Set(replayedHeader, "true")
	a.writePlan(w, r, plan)
}
