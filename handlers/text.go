package handlers

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tranche/internal/billing"
)

// readable refuses a path or query that holds what no text of one line does: see
// billing.LineProblem. The databases differ in what they make of it.
func (s *Server) readable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if problem := billing.LineProblem(r.URL.Path); problem != "" {
			badParameter(w, "path", problem)
			return
		}
		query, _ := url.ParseQuery(r.URL.RawQuery)             // each route refuses one that can't be read
		for _, name := range slices.Sorted(maps.Keys(query)) { // the same query has the same answer
			if problem := firstProblem(append(query[name], name)); problem != "" {
				badParameter(w, billing.CleanLine(name, maxShownName), problem)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// maxShownName bounds what is repeated of a parameter's name, in characters.
const maxShownName = 100

func firstProblem(texts []string) string {
	i := slices.IndexFunc(texts, func(s string) bool { return billing.LineProblem(s) != "" })
	if i < 0 {
		return ""
	}
	return billing.LineProblem(texts[i])
}

// isPrintable says whether s is printable ASCII, as Stripe wants idempotency keys to be.
func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
