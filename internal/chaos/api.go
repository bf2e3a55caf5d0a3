package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// plan is a plan as the API writes it.
type plan struct {
	ID        string   `json:"id"`
	Reference string   `json:"reference"`
	Kind      string   `json:"kind"`
	Status    string   `json:"status"`
	Currency  string   `json:"currency"`
	Total     int64    `json:"total"`
	Customer  customer `json:"customer"`
	Charges   []charge `json:"charges"`
	First     *struct {
		PaymentIntent string `json:"payment_intent"`
		ClientSecret  string `json:"client_secret"`
	} `json:"first_payment,omitempty"`
}

// customer is a customer as the API writes it.
type customer struct {
	ID             string `json:"id"`
	Reference      string `json:"reference"`
	Email          string `json:"email"`
	StripeCustomer string `json:"stripe_customer"`
}

// charge is a charge as the API writes it.
type charge struct {
	ID            string     `json:"id"`
	Sequence      int        `json:"sequence"`
	Amount        int64      `json:"amount"`
	Currency      string     `json:"currency"`
	DueAt         time.Time  `json:"due_at"`
	Status        string     `json:"status"`
	Reason        string     `json:"reason,omitempty"`
	DeclineCode   string     `json:"decline_code,omitempty"`
	NextAttemptAt *time.Time `json:"next_attempt_at"`
	PaymentIntent string     `json:"payment_intent"`
	Attempts      []attempt  `json:"attempts"`
}

// attempt is an attempt as the API writes it.
type attempt struct {
	Number         int        `json:"number"`
	Initiator      string     `json:"initiator"`
	IdempotencyKey *string    `json:"idempotency_key"`
	Outcome        string     `json:"outcome"`
	Code           string     `json:"code,omitempty"`
	StripeCharge   string     `json:"stripe_charge,omitempty"`
	CreatedAt      time.Time  `json:"created_at"`
	FinishedAt     *time.Time `json:"finished_at"`
}

// notice is a notice as the API writes it.
type notice struct {
	ID      string     `json:"id"`
	Kind    string     `json:"kind"`
	Plan    string     `json:"plan"`
	Charge  string     `json:"charge"`
	To      string     `json:"to"`
	Status  string     `json:"status"`
	Reason  string     `json:"reason,omitempty"`
	Message string     `json:"message_id"`
	Subject string     `json:"subject"`
	SentAt  *time.Time `json:"sent_at"`
}

// tranche calls Tranche's API as the merchant's server does.
type tranche struct{ *client }

func newTranche(base string) tranche {
	return tranche{newClient(base, http.Header{"Authorization": {"Bearer " + apiKey}, "Content-Type": {"application/json"}})}
}

// create creates a plan.
func (t tranche) create(ctx context.Context, body []byte, key string) (plan, error) {
	var p plan
	err := t.call(ctx, http.MethodPost, "/v1/plans", http.Header{"Idempotency-Key": {key}}, body, &p)
	return p, err
}

// byReference returns the plan with a reference, and false if none exists.
func (t tranche) byReference(ctx context.Context, reference string) (plan, bool, error) {
	var list struct {
		Data []plan `json:"data"`
	}
	err := t.call(ctx, http.MethodGet, "/v1/plans?reference="+url.QueryEscape(reference), nil, nil, &list)
	if err != nil || len(list.Data) == 0 {
		return plan{}, false, err
	}
	return list.Data[0], true, nil
}

// plans returns all plans.
func (t tranche) plans(ctx context.Context) ([]plan, error) {
	return everything[plan](ctx, t, "/v1/plans")
}

// notices returns all notices.
func (t tranche) notices(ctx context.Context) ([]notice, error) {
	return everything[notice](ctx, t, "/v1/notices")
}

// maxPages bounds the number of pages, in case a list never ends.
const maxPages = 10_000

// everything reads a list to its end, page by page.
func everything[T any](ctx context.Context, t tranche, path string) ([]T, error) {
	var all []T
	query := url.Values{"limit": {"100"}}
	for range maxPages {
		var page struct {
			Data    []T    `json:"data"`
			HasMore bool   `json:"has_more"`
			Next    string `json:"next_cursor"`
		}
		if err := t.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if !page.HasMore {
			break
		}
		query.Set("cursor", page.Next)
	}
	return all, nil
}

// inboxEvent is an event as `tranche event list --json` writes it.
type inboxEvent struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	ObjectID string `json:"object_id"`
	Status   string `json:"status"`
	Reason   string `json:"reason"`
	Attempts int    `json:"attempts"`
}

func decodeEvents(out []byte) ([]inboxEvent, error) {
	var list struct {
		Data []inboxEvent `json:"data"`
	}
	err := json.Unmarshal(out, &list)
	return list.Data, err
}
