package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func TestUnderKey(t *testing.T) {
	t.Parallel()
	repeated := &billing.GatewayError{Kind: billing.GatewayUnknown, HTTPStatus: 500, Replayed: true}
	for name, tc := range map[string]struct {
		answers []error
		keys    []string
	}{
		"succeeds":            {[]error{nil}, []string{"k"}},
		"first failure":       {[]error{&billing.GatewayError{Kind: billing.GatewayUnknown, HTTPStatus: 500}}, []string{"k"}},
		"lost":                {[]error{&billing.GatewayError{Kind: billing.GatewayUnknown, Replayed: true}}, []string{"k"}},
		"replayed decline":    {[]error{&billing.GatewayError{Kind: billing.GatewayDeclined, HTTPStatus: 402, Replayed: true}}, []string{"k"}},
		"replayed failure":    {[]error{repeated, nil}, []string{"k", "k-2"}},
		"replayed each time":  {[]error{repeated, repeated, repeated, repeated}, []string{"k", "k-2", "k-3", "k-4"}},
		"replayed, then lost": {[]error{repeated, &billing.GatewayError{Kind: billing.GatewayUnknown}}, []string{"k", "k-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var keys []string
			err := billing.UnderKey("k", func(key string) error {
				keys = append(keys, key)
				return tc.answers[len(keys)-1]
			})
			require.Equal(t, tc.keys, keys)
			require.Equal(t, tc.answers[len(keys)-1], err)
		})
	}
}
