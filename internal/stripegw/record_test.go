package stripegw_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/stripegw"
)

var since = time.Unix(1000, 0).UTC()

func eventJSON(id, kind string, created int) string {
	return fmt.Sprintf(`{"id":%q,"object":"event","type":%q,"created":%d,"data":{"object":{"id":"pi_of_%s","client_secret":"pi_1_secret_2"}}}`,
		id, kind, created, id)
}

func page(more bool, entries ...string) answer {
	return ok(fmt.Sprintf(`{"object":"list","has_more":%v,"data":[%s]}`, more, strings.Join(entries, ",")))
}

func record(t *testing.T, answers ...answer) (*stripegw.Record, *fakeStripe) {
	t.Helper()
	g, stripe := answering(t, answers...)
	return stripegw.NewRecord(g, time.Millisecond), stripe
}

// read collects the event ids of each page.
func read(t *testing.T, r *stripegw.Record, types ...string) ([][]string, error) {
	t.Helper()
	var pages [][]string
	err := r.Events(t.Context(), since, types, func(page []billing.Event) error {
		ids := make([]string, len(page))
		for i, e := range page {
			ids[i] = e.ID
			require.NotContains(t, string(e.Payload), "_secret_")
			require.Equal(t, "pi_of_"+e.ID, e.ObjectID)
		}
		pages = append(pages, ids)
		return nil
	})
	return pages, err
}

func TestEventsComePageByPage(t *testing.T) {
	t.Parallel()
	r, stripe := record(t, page(true, eventJSON("evt_3", "a.b", 1003), eventJSON("evt_2", "a.b", 1002)), page(false, eventJSON("evt_1", "c.d", 1000)))
	pages, err := read(t, r, "a.b", "c.d")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"evt_3", "evt_2"}, {"evt_1"}}, pages)
	require.Equal(t, "created[gte]=1000&limit=100&types[0]=a.b&types[1]=c.d", unescaped(stripe.requests[0]))
	require.Equal(t, "created[gte]=1000&limit=100&starting_after=evt_2&types[0]=a.b&types[1]=c.d", unescaped(stripe.requests[1]))
}

func unescaped(r request) string {
	return strings.NewReplacer("%5B", "[", "%5D", "]").Replace(r.query.Encode())
}

// TestAServerThatDoesNotFilter sends everything it has; only matching entries are used, and reading
// ends.
func TestAServerThatDoesNotFilter(t *testing.T) {
	t.Parallel()
	r, stripe := record(t, page(true, eventJSON("evt_4", "x.y", 1003), eventJSON("evt_3", "a.b", 1002), eventJSON("evt_2", "a.b", 999)))
	pages, err := read(t, r, "a.b")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"evt_3"}}, pages)
	require.Len(t, stripe.requests, 1, "the rest is older still")
}

func TestALostAnswerDoesNotEndALongList(t *testing.T) {
	t.Parallel()
	down := answer{status: http.StatusInternalServerError, body: errorBody("api_error", "")}
	busy := answer{status: http.StatusTooManyRequests, body: errorBody("invalid_request_error", "rate_limit")}
	r, stripe := record(t, page(true, eventJSON("evt_2", "a.b", 1002)), down, busy, ok("<html>"), page(false, eventJSON("evt_1", "a.b", 1001)))
	pages, err := read(t, r, "a.b")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"evt_2"}, {"evt_1"}}, pages)
	require.Len(t, stripe.requests, 5)
}

func TestReadingFails(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct {
		answer answer
		tries  int
		want   billing.GatewayKind
	}{
		"down":            {answer{status: 503, body: "<html>"}, 4, billing.GatewayUnknown},
		"wrong key":       {answer{status: 401, body: errorBody("invalid_request_error", "")}, 1, billing.GatewayUnauthorized},
		"no list":         {ok(anyIntent), 4, billing.GatewayUnknown},
		"entry no event":  {page(false, `{"id":"evt_1"}`), 1, billing.GatewayUnknown},
		"entry null":      {page(false, `null`), 1, billing.GatewayUnknown},
		"never ends":      {page(true, eventJSON("evt_1", "a.b", 1001)), 2, billing.GatewayUnknown},
		"wrong parameter": {answer{status: 400, body: errorBody("invalid_request_error", "")}, 1, billing.GatewayRejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, stripe := record(t, f.answer)
			_, err := read(t, r, "a.b")
			require.Equal(t, f.want, gatewayError(t, err).Kind)
			require.Len(t, stripe.requests, f.tries)
		})
	}
}

func TestTooManyTypesAreNotSent(t *testing.T) {
	t.Parallel()
	r, stripe := record(t, page(false))
	for _, types := range [][]string{nil, make([]string, billing.MaxEventTypes+1)} {
		_, err := read(t, r, types...)
		require.Equal(t, billing.GatewayRejected, gatewayError(t, err).Kind)
	}
	require.Empty(t, stripe.requests)
}

func paymentJSON(id string, refunded int) string {
	return fmt.Sprintf(`{"id":%q,"object":"payment_intent","status":"succeeded","amount":500,"currency":"USD","created":1500,"client_secret":"pi_1_secret_2",
		"latest_charge":{"id":"ch_1","object":"charge","amount_refunded":%d,"disputed":true}}`, id, refunded)
}

func TestPaymentsComeWithWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	r, stripe := record(t, page(true, paymentJSON("pi_2", 0)), page(false, paymentJSON("pi_1", 200)))
	var all []billing.RecordedPayment
	require.NoError(t, r.Payments(t.Context(), since, since.Add(time.Hour), func(page []billing.RecordedPayment) error {
		all = append(all, page...)
		return nil
	}))
	require.Equal(t, "created[gte]=1000&created[lt]=4600&expand[]=data.latest_charge&limit=100&starting_after=pi_2", unescaped(stripe.requests[1]))
	require.Len(t, all, 2)
	require.Equal(t, []int64{0, 200}, []int64{all[0].AmountRefunded, all[1].AmountRefunded})
	require.True(t, all[1].Disputed)
	require.Equal(t, "ch_1", all[1].LatestCharge)
	require.Equal(t, money.Currency("usd"), all[1].Currency)
	require.Empty(t, all[1].ClientSecret)
}

func TestOnePaymentIsRead(t *testing.T) {
	t.Parallel()
	r, stripe := record(t, answer{status: 500, body: errorBody("api_error", "")}, ok(paymentJSON("pi_1", 200)))
	p, err := r.Payment(t.Context(), "pi_1")
	require.NoError(t, err)
	require.Equal(t, int64(200), p.AmountRefunded)
	require.Equal(t, "expand[0]=latest_charge", unescaped(stripe.requests[1]))
	r, _ = record(t, answer{status: 404, body: errorBody("invalid_request_error", "resource_missing")})
	_, err = r.Payment(t.Context(), "pi_1")
	require.ErrorIs(t, err, billing.ErrNotFound)
}

func TestTheReaderMayEndTheReading(t *testing.T) {
	t.Parallel()
	r, stripe := record(t, page(true, eventJSON("evt_2", "a.b", 1002)))
	enough := fmt.Errorf("enough: %w", billing.ErrConflict)
	require.Equal(t, enough, r.Events(t.Context(), since, []string{"a.b"}, func([]billing.Event) error { return enough }))
	require.Len(t, stripe.requests, 1)
	r, _ = record(t, page(true, paymentJSON("pi_2", 0)))
	require.Equal(t, enough, r.Payments(t.Context(), since, since.Add(1), func([]billing.RecordedPayment) error { return enough }))
}
