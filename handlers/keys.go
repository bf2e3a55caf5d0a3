package handlers

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/recovery"
)

// apiKeys admits requests with a valid API key, and counts, limits and logs the others.
type apiKeys struct {
	valid   []string
	trusted []netip.Prefix                                                               // proxies
	allow   func(ctx context.Context, bucket string, perMinute int) (wait time.Duration) // may be nil
	wrong   func()                                                                       // is called with each wrong key; may be nil
	clock   clock.Clock
	log     zerolog.Logger
	guesses keyGuesses
}

// authenticate passes on requests with a valid bearer key and refuses all others.
func (k *apiKeys) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		key := k.matchKey(strings.TrimSpace(given))
		if !bearer || key == "" {
			k.refuseKey(w, r, bearer)
			return
		}
		party, err := partyOf(r, key)
		if err != nil {
			writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "bad_actor", Detail: err.Error()})
			return
		}
		acting := r.WithContext(billing.ActingAs(r.Context(), party))
		defer func() { r.Pattern = acting.Pattern }() // observe counts by it
		next.ServeHTTP(w, acting)
	})
}

// refuseKey answers a request without a key, or with a wrong key, which counts as a guess.
func (k *apiKeys) refuseKey(w http.ResponseWriter, r *http.Request, guess bool) {
	if guess {
		if wait := k.noteWrongKey(r); wait > 0 {
			writeProblem(w, problem{Status: http.StatusTooManyRequests, Slug: "too_often", Retry: waitSeconds(wait),
				Detail: "too many requests with a wrong API key came from this network; a request with the right key is always answered"})
			return
		}
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="tranche"`)
	writeProblem(w, problem{Status: http.StatusUnauthorized, Slug: "unauthorized",
		Detail: "send the header `Authorization: Bearer KEY` with the key set in TRANCHE_API_KEY"})
}

// matchKey returns the API key that equals given, or "". It compares hashes of all keys, so that
// the time it takes reveals neither the length nor the beginning of a key.
func (k *apiKeys) matchKey(given string) (matched string) {
	got := sha256.Sum256([]byte(given))
	for _, key := range k.valid {
		want := sha256.Sum256([]byte(key))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			matched = key
		}
	}
	return matched
}

// watch logs the counts of wrong API keys when their minute is over. It needs no timer, because
// probes and scrapes send a request every few seconds.
func (k *apiKeys) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.logGuesses(k.guesses.due(k.clock.Wall()))
		next.ServeHTTP(w, r)
	})
}

func (k *apiKeys) logGuesses(lines []guessLine) {
	for _, l := range lines {
		k.log.Warn().Str("network", l.network).Int("count", l.count).Msg("requests with a wrong API key")
	}
}

// noteWrongKey counts a request with a wrong API key by its network, and returns how long the
// network must wait; 0 means that it may send the next request at once.
func (k *apiKeys) noteWrongKey(r *http.Request) time.Duration {
	if k.wrong != nil {
		k.wrong()
	}
	network := recovery.NetworkOf(clientAddress(r, k.trusted))
	k.logGuesses(k.guesses.note(network, k.clock.Wall()))
	if k.allow == nil {
		return 0
	}
	return k.allow(r.Context(), "api:wrong:"+network, wrongKeysPerMinute)
}
