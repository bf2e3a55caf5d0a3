package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGate_RoundRobinSkipsDeadIngress(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 10)
	serve := func(name string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen <- name }))
		t.Cleanup(s.Close)
		return s
	}
	one, two := serve("one"), serve("two")
	g, err := newGate(t.Context(), []string{strings.TrimPrefix(one.URL, "http://"), strings.TrimPrefix(two.URL, "http://")})
	require.NoError(t, err)
	t.Cleanup(g.close)
	call := func() error {
		return newClient(g.URL, nil).call(t.Context(), http.MethodPost, "/", nil, []byte("{}"), nil)
	}
	require.NoError(t, call())
	require.NoError(t, call())
	require.ElementsMatch(t, []string{"one", "two"}, []string{<-seen, <-seen})
	one.Close()
	require.NoError(t, call())
	require.NoError(t, call())
	require.Equal(t, []string{"two", "two"}, []string{<-seen, <-seen})
	two.Close()
	require.ErrorContains(t, call(), "502")
}
