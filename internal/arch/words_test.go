package arch

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fieldWords are the terms that a newcomer searches for, each with the file whose code implements
// it, and whose comments must contain the term.
var fieldWords = map[string]string{
	"rate limit":         "internal/stripelimit/limiter.go",
	"429":                "internal/stripelimit/rate.go",
	"in flight":          "internal/collect/attempt.go",
	"dedupes":            "internal/store/events.go",
	"duplicate":          "handlers/stripe_webhook.go",
	"visibility timeout": "internal/store/claims.go",
	"reclaimed":          "internal/store/claims.go",
	"orphan":             "internal/reconcile/finding.go",
	"double charge":      "internal/stripeevents/secondpayment.go",
	"retry schedule":     "internal/dunning/policy.go",
	"dispute":            "internal/stripeevents/reversal.go",
	"refund":             "internal/collect/refund.go",
}

func TestComments_FindableByTheWordsOfTheField(t *testing.T) {
	t.Parallel()
	for word, path := range fieldWords {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), path), nil, parser.ParseComments)
		require.NoError(t, err)
		found := false
		for _, c := range file.Comments {
			found = found || strings.Contains(strings.ToLower(strings.Join(strings.Fields(c.Text()), " ")), word)
		}
		require.True(t, found, "no comment of %s says %q", path, word)
	}
}
