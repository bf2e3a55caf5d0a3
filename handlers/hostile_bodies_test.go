//go:build !race

package handlers_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/store/storetest"
)

// TestHostileInputs_BodyOfEveryRoute: a route that is new or renamed has bodies for
// TestHostileInputs.
func TestHostileInputs_BodyOfEveryRoute(t *testing.T) {
	t.Parallel()
	var with []string
	for pattern := range newSurface(t, storetest.SQLite(t)).handler.Routes() {
		method, _, _ := strings.Cut(pattern, " ")
		if method != http.MethodGet && method != http.MethodDelete {
			with = append(with, pattern)
		}
	}
	require.ElementsMatch(t, with, slices.Collect(maps.Keys(hostileBodies())), "hostileBodies has bodies of each route that is no GET or DELETE")
}

// hostileBodies are bodies of each route that takes one. Fields that none of them has are added
// from the route's own: see fieldsByRoute. A word in braces is the prefix of an id, which is drawn
// from those that are known.
func hostileBodies() map[string][]string {
	return map[string][]string{
		"POST /v1/plans":                          append(hostileTerms(), hostileTerms()...),
		"POST /v1/forecast":                       hostileForecasts(),
		"POST /v1/plans/{id}/pause":               {`{"reason": "asked by phone", "notify": false}`, ""},
		"POST /v1/plans/{id}/resume":              {`{"dates": "shift", "missed": "all"}`, `{"dates": "catch_up"}`, ""},
		"POST /v1/plans/{id}/cancel":              {`{"reason": "sent back", "refund": true}`, `{"reason": "sent back"}`},
		"POST /v1/plans/{id}/remaining":           {`{"total": 18000}`, `{"amount": 9000}`, `{"total": 1, "amount": 2}`},
		"POST /v1/plans/{id}/fee":                 {`{"amount": 500, "due": "2027-01-02", "reason": "late"}`},
		"POST /v1/plans/{id}/extend":              {`{"parts": 2}`, `{"parts": 1, "amount": 900, "every": "2 weeks"}`},
		"POST /v1/plans/{id}/pay-all":             {`{"discount": 1000}`, ""},
		"POST /v1/plans/{id}/restart":             {`{"missed": "all"}`, ""},
		"POST /v1/plans/{id}/card":                {`{"card": "{card}"}`},
		"POST /v1/plans/{id}/catch-up":            {`{"catch_up": "all"}`, `{"catch_up": "daily"}`},
		"POST /v1/plans/{id}/link":                {""},
		"POST /v1/charges/{id}/retry":             {""},
		"POST /v1/charges/{id}/skip":              {`{"to_end": true, "every": "1 month", "reason": "goodwill"}`, `{"reason": "goodwill"}`},
		"POST /v1/charges/{id}/move":              {`{"due": "2026-04-20"}`, `{"due": "2026-05-01T10:00:00Z"}`},
		"POST /v1/charges/{id}/amount":            {`{"amount": 700}`},
		"POST /v1/charges/{id}/split":             {`{"first": 300, "due": "2026-04-20"}`},
		"POST /v1/charges/{id}/pay":               {""},
		"POST /v1/charges/{id}/collect":           {`{"due": "2026-04-20"}`, ""},
		"POST /v1/charges/{id}/paid-outside":      {`{"note": "in cash"}`},
		"POST /v1/charges/{id}/write-off":         {`{"reason": "goodwill"}`},
		"POST /v1/charges/{id}/refund-duplicate":  {""},
		"POST /v1/charges/{id}/link":              {""},
		"POST /v1/links/{id}/revoke":              {""},
		"POST /v1/links/revoke":                   {`{"all": true, "dry_run": true}`, `{"all": true, "dry_run": true}`, `{"all": true, "dry_run": false}`},
		"PATCH /v1/customers/{id}":                {`{"email": "a@example.com", "name": "A", "locale": "de", "timezone": "Asia/Tokyo", "stripe_customer": "cus_x", "dry_run": false}`, `{"name": "B"}`, `{"timezone": "UTC"}`},
		"POST /v1/customers/{id}/erase":           {`{"dry_run": true}`, `{"dry_run": true}`, ""},
		"PUT /v1/customers/{id}/cards":            {`{"order": ["{card}", "{card}"], "dry_run": false}`},
		"POST /v1/cards/{id}/default":             {`{"dry_run": false}`, ""},
		"POST /v1/cards/{id}/release":             {`{"dry_run": false, "note": "the bank agreed"}`},
		"POST /v1/cards/{id}/remove":              {`{"dry_run": true, "to": "{card}"}`, ""},
		"POST /v1/webhook_endpoints":              {`{"url": "https://shop.example/hook", "types": ["charge.*", "plan.paused"]}`},
		"PATCH /v1/webhook_endpoints/{id}":        {`{"url": "https://shop.example/other", "types": ["plan.*"], "status": "disabled"}`, `{"status": "enabled"}`},
		"POST /v1/webhook_endpoints/{id}/rotate":  {""},
		"POST /v1/webhook_endpoints/{id}/replay":  {`{"since": "2026-01-01T00:00:00Z", "delivered": true}`},
		"POST /v1/webhook_deliveries/{id}/replay": {""},
		"POST /v1/incidents/{id}/close":           {`{"note": "looked at"}`, ""},
	}
}

func hostileTerms() []string {
	return []string{
		`{"reference": "o-1", "kind": "installments", "currency": "usd", "total": 100000, "parts": 3, "every": "1 month", "first_amount": 500, "remainder": "last", "starts": "2026-05-05", "business_day": "next", "catch_up": "daily", "policy": "default", "backup_cards_allowed": true, "description": "a villa", "customer": {"reference": "{cust}", "email": "a@example.com", "name": "Ada", "locale": "en-GB", "timezone": "Europe/London", "stripe_customer": "cus_none"}, "consent": {"text_version": "v1", "accepted_at": "2026-01-01T00:00:00Z", "ip": "10.0.0.1", "user_agent": "M"}}`,
		`{"reference": "o-2", "kind": "installments", "currency": "usd", "charges": [{"amount": 500}, {"amount": 700, "due": "2026-07-01"}], "customer": {"reference": "c-2", "email": "b@example.com"}}`,
		`{"reference": "o-3", "kind": "recurring", "currency": "eur", "amount": 2000, "every": "1 month", "until": "2027-01-01", "trial": "14 days", "catch_up": "all", "customer": {"reference": "c-3", "email": "b@example.com"}}`,
		`{"reference": "o-4", "kind": "deposit", "currency": "kwd", "total": 250000, "deposit_percent": "12.5", "balance_due": "2026-12-20", "customer": {"reference": "c-3", "email": "b@example.com"}}`,
		`{"reference": "o-5", "kind": "deposit", "currency": "jpy", "total": 250000, "deposit": 1000, "balance_due": "2026-12-20T10:00:00+09:00", "customer": {"reference": "c-4", "email": "b@example.com"}}`,
		`{"reference": "o-6", "kind": "deferred", "currency": "usd", "total": 5000, "due": "2026-08-01", "card": "{card}", "account": "acct_1Villa", "connect": {"transfer_destination": "acct_1Other", "application_fee_percent": "5"}, "customer": {"reference": "c-5", "email": "b@example.com"}}`,
		`{"reference": "o-7", "kind": "deferred", "currency": "usd", "total": 5000, "due": "2026-08-01", "customer": {"reference": "c-6", "email": "b@example.com"}}`,
	}
}

func hostileForecasts() []string {
	return []string{
		`{"plan": "{plan}", "decline": "insufficient_funds", "decline_times": 1, "no_declines": false, "horizon": "2 months"}`,
		`{"kind": "deferred", "currency": "usd", "total": 5000, "due": "2026-04-01", "reference": "f", "horizon": "1 month", "customer": {"reference": "c-9", "email": "b@example.com"}}`,
	}
}

// hostileEvents are the objects of events that the simulator does not send by itself. A Stripe id
// in them stands for one of those that are known.
func hostileEvents() map[string]string {
	const of = `"payment_intent": "pi_known", "charge": "ch_known", "amount": 100, "currency": "usd", "created": 1772445600, "metadata": {"tranche_charge": "{chg}"}`
	const method = `{"id": "pm_known", "object": "payment_method", "type": "card", "customer": "cus_known", "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030, "fingerprint": "f", "country": "US", "funding": "credit"}}`
	return map[string]string{
		"refund":         `{"id": "re_1", "object": "refund", "status": "succeeded", "reason": null, "failure_reason": "declined", ` + of + `}`,
		"dispute":        `{"id": "dp_1", "object": "dispute", "status": "needs_response", "reason": "fraudulent", ` + of + `}`,
		"fraud":          `{"id": "issfr_1", "object": "radar.early_fraud_warning", "actionable": true, "fraud_type": "made_with_stolen_card", ` + of + `}`,
		"charge":         `{"id": "ch_known", "object": "charge", "amount_refunded": 100, "refunded": false, "disputed": false, ` + of + `}`,
		"payment_method": method,
		"customer":       `{"id": "cus_known", "object": "customer", "deleted": true, "email": "a@example.com"}`,
		"setup_intent":   `{"id": "seti_1", "object": "setup_intent", "status": "succeeded", "customer": "cus_known", "payment_method": ` + method + `, "metadata": {"tranche_plan": "{plan}"}, "last_setup_error": {"code": "card_declined", "decline_code": "do_not_honor", "message": "no"}}`,
		"payment_intent": `{"id": "pi_known", "object": "payment_intent", "status": "requires_payment_method", "amount": 100, "amount_received": 0, "currency": "usd", "customer": "cus_known", "payment_method": "pm_known", "latest_charge": "ch_known", "metadata": {"tranche_reference": "m-1", "tranche_kind": "installments", "tranche_total": "5000", "tranche_parts": "2", "tranche_every": "1 month", "tranche_customer": "c-m"}, "last_payment_error": {"code": "card_declined", "decline_code": "do_not_honor", "message": "no"}}`,
	}
}
