package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// readable refuses a path or query that no name of ours can be in. The databases differ in what they make of it.
func (s *Server) readable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := url.QueryUnescape(r.URL.RawQuery)
		if err != nil || !isText(query) || !isText(r.URL.Path) {
			writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "bad_parameter", Detail: "the path or the query is not UTF-8 text"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isText says whether both databases take s.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// isPrintable says whether s is printable ASCII, as Stripe wants idempotency keys to be.
func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
