package stripegw_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func listPage(more bool, ids ...string) answer {
	entries := make([]string, len(ids))
	for i, id := range ids {
		entries[i] = fmt.Sprintf(`{"id":%q,"object":"payment_intent","status":"canceled","metadata":{"tranche_attempt":"att_%s"}}`, id, id)
	}
	return ok(fmt.Sprintf(`{"object":"list","url":"/v1/payment_intents","has_more":%v,"data":[%s]}`, more, strings.Join(entries, ",")))
}

func named(id string) func(billing.PaymentIntent) bool {
	return func(p billing.PaymentIntent) bool { return p.Metadata["tranche_attempt"] == "att_"+id }
}

func TestFindOnALaterPage(t *testing.T) {
	t.Parallel()
	g, stripe := answering(t, listPage(true, "pi_1", "pi_2"), listPage(true, "pi_3", "pi_4"), listPage(false, "pi_5"))
	p, err := g.FindPaymentIntent(t.Context(), "cus_1", time.Time{}, named("pi_4"))
	require.NoError(t, err)
	require.Equal(t, "pi_4", p.ID)
	require.Len(t, stripe.requests, 2, "it stops where it found it")
	require.Equal(t, "customer=cus_1&limit=100", stripe.requests[0].query.Encode())
	require.Equal(t, "customer=cus_1&limit=100&starting_after=pi_2", stripe.requests[1].query.Encode())
}

func TestFindNothing(t *testing.T) {
	t.Parallel()
	for _, pages := range [][]answer{
		{listPage(false)},
		{listPage(true, "pi_1"), listPage(false, "pi_2")},
		{listPage(true, "pi_1"), listPage(true)},
	} {
		g, _ := answering(t, pages...)
		_, err := g.FindPaymentIntent(t.Context(), "cus_1", time.Time{}, named("pi_9"))
		require.Equal(t, billing.GatewayNotFound, gatewayError(t, err).Kind)
		require.ErrorIs(t, err, billing.ErrNotFound)
	}
}

// TestFindFails never returns "not found" when a page could not be read.
func TestFindFails(t *testing.T) {
	t.Parallel()
	failures := map[string]struct {
		second answer
		want   billing.GatewayKind
	}{
		"server error":  {answer{status: 500, body: errorBody("api_error", "")}, billing.GatewayUnknown},
		"rate limit":    {answer{status: 429, body: errorBody("invalid_request_error", "rate_limit")}, billing.GatewayLimited},
		"bad key":       {answer{status: 401, body: errorBody("invalid_request_error", "")}, billing.GatewayUnauthorized},
		"no customer":   {answer{status: 404, body: errorBody("invalid_request_error", "resource_missing")}, billing.GatewayRejected},
		"page":          {ok("<html>"), billing.GatewayUnknown},
		"no list":       {ok(anyIntent), billing.GatewayUnknown},
		"empty object":  {ok("{}"), billing.GatewayUnknown},
		"null entry":    {ok(`{"object":"list","data":[null]}`), billing.GatewayUnknown},
		"foreign entry": {ok(`{"object":"list","data":[{"id":"ch_1","object":"charge"}]}`), billing.GatewayUnknown},
	}
	for name, f := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, _ := answering(t, listPage(true, "pi_1"), f.second)
			_, err := g.FindPaymentIntent(t.Context(), "cus_1", time.Time{}, named("pi_9"))
			require.Equal(t, f.want, gatewayError(t, err).Kind)
			require.NotErrorIs(t, err, billing.ErrNotFound)

			g, _ = answering(t, f.second)
			_, err = g.FindPaymentIntent(t.Context(), "cus_1", time.Time{}, named("pi_9"))
			require.Equal(t, f.want, gatewayError(t, err).Kind, "on the first page too")
		})
	}
}

// TestFindEnds returns an error for a list that never ends.
func TestFindEnds(t *testing.T) {
	t.Parallel()
	g, stripe := answering(t, listPage(true, "pi_1"))
	_, err := g.FindPaymentIntent(t.Context(), "cus_1", time.Time{}, named("pi_9"))
	require.Equal(t, billing.GatewayUnknown, gatewayError(t, err).Kind)
	require.Len(t, stripe.requests, 200)
	require.Equal(t, http.MethodGet, stripe.requests[199].method)
}
