package handlers

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tranche/internal/plaintext"
)

// readable refuses a path or query with characters that a text of one line must not have: see
// plaintext.LineProblem. The two databases treat such characters differently.
func readable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if problem := plaintext.LineProblem(r.URL.Path); problem != "" {
			badParameter(w, "path", problem)
			return
		}
		query, _ := url.ParseQuery(r.URL.RawQuery)             // each route refuses an invalid query
		for _, name := range slices.Sorted(maps.Keys(query)) { // sorted, so that the answer is always the same
			if problem := firstProblem(append(query[name], name)); problem != "" {
				badParameter(w, plaintext.CleanLine(name, maxShownName), problem)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// maxShownName bounds the part of a parameter's name that the answer repeats, in characters.
const maxShownName = 100

func firstProblem(texts []string) string {
	i := slices.IndexFunc(texts, func(s string) bool { return plaintext.LineProblem(s) != "" })
	if i < 0 {
		return ""
	}
	return plaintext.LineProblem(texts[i])
}

// isPrintable reports whether s is printable ASCII, which Stripe requires of idempotency keys.
func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
