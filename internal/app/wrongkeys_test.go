package app_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"tranche/internal/app"
	"tranche/internal/testenv"
)

// TestWrongKeys_Process requires that a process, with either queue and without a recovery page,
// limits wrong keys and accepts the right key.
func TestWrongKeys_Process(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	for name, redis := range map[string]string{"embedded": "", "redis": testenv.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := started(t, settings(t, url, map[string]string{"REDIS_URL": redis}))
			defer a.Stop()
			limited := 0
			for range 60 {
				status, header := plans(t, a, "wrong-key")
				if status == http.StatusTooManyRequests {
					require.NotEmpty(t, header.Get("Retry-After"))
					limited++
					continue
				}
				require.Equal(t, http.StatusUnauthorized, status)
				require.LessOrEqual(t, limited, 40)
			}
			require.Positive(t, limited)
			status, _ := plans(t, a, apiKey)
			require.Equal(t, http.StatusOK, status)
			_, page := get(t, "http://"+a.AdminAddr()+"/metrics")
			require.Contains(t, page, "tranche_wrong_api_keys_total 60\n")
		})
	}
}

func plans(t *testing.T, a *app.App, key string) (status int, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.Addr()+"/v1/plans", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode, resp.Header
}

// TestWeakKeys_WarnedOfAtTheStart requires that the log names the setting and the remedy, not the
// key.
func TestWeakKeys_WarnedOfAtTheStart(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	for key, warned := range map[string]bool{"hunter2-hunter2-hunter2": true, apiKey: false} {
		var log bytes.Buffer
		a, err := app.New(t.Context(), settings(t, url, map[string]string{"TRANCHE_API_KEY": key}), zerolog.New(zerolog.SyncWriter(&log)))
		require.NoError(t, err)
		a.Stop()
		require.Equal(t, warned, strings.Contains(log.String(), "TRANCHE_API_KEY is shorter than 32 characters"), log.String())
		require.Equal(t, warned, strings.Contains(log.String(), "openssl rand -hex 32"))
		require.NotContains(t, log.String(), "hunter2")
	}
}
