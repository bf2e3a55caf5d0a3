package handlers_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/store/storetest"
)

// request is a request that a page of documentation shows.
type request struct {
	page, method, path string
	body               string   // "" for none
	params             []string // the names in its query
}

var (
	// shownRequest finds a method and a path, and the body or query that follows it.
	shownRequest = regexp.MustCompile("(GET|POST|PUT|PATCH|DELETE) (/v1/[a-z_/{}-]+)`?(?: takes)? ?[(`]{0,2}([?][^`\\s|]*(?: &[a-z_]+=)*|{\"[^}]*})?")
	fieldName    = regexp.MustCompile(`"([a-z_]+)"`)
	parameter    = regexp.MustCompile(`[?&]([a-z_]+)=`)
	wholePlan    = regexp.MustCompile(`\{\s*"reference"`)
	ellipsis     = regexp.MustCompile(`"[^"]*…"|…`)
)

// TestDocs_RequestsAreTaken sends the requests on the pages: each route exists and takes each field
// and parameter.
func TestDocs_RequestsAreTaken(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	s := newSurface(t, storetest.SQLite(t))
	routes := s.handler.Routes()
	bodies := map[string]int{}
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, shown := range requestsOf(page, string(text)) {
			params, ok := routes[shown.method+" "+shown.path]
			require.True(t, ok, "%s: there is no %s %s", page, shown.method, shown.path)
			for _, name := range shown.params {
				require.Contains(t, params, name, "%s: %s %s", page, shown.method, shown.path)
			}
			if shown.body != "" {
				bodies[filepath.Base(page)]++
				s.takes(shown)
			}
		}
	}
	for page, least := range map[string]int{"cards.md": 4, "changes.md": 10, "webhooks.md": 3, "connect.md": 2, "forecast.md": 1, "erasure.md": 1, "README.md": 1} {
		require.GreaterOrEqual(t, bodies[page], least, "requests with a body are found in %s", page)
	}
}

// TestDocs_RequestWithAnotherField: the test above fails if a page names an unknown field.
func TestDocs_RequestWithAnotherField(t *testing.T) {
	t.Parallel()
	shown := requestsOf("a page", "| `PUT /v1/customers/{id}/cards` `{\"cards\": [\"card_…\", …]}` | `GET /v1/plans?email=a@b.c` |")
	require.Len(t, shown, 2)
	require.Equal(t, []string{"email"}, shown[1].params)
	s := newSurface(t, storetest.SQLite(t))
	require.Contains(t, s.answerTo(shown[0]), "cards: there is no such field")
}

// requestsOf finds the requests and the complete plans on a page.
func requestsOf(page, text string) (all []request) {
	for _, found := range shownRequest.FindAllStringSubmatch(text, -1) {
		one := request{page: page, method: found[1], path: strings.TrimRight(found[2], "/"), body: found[3]}
		if strings.HasPrefix(found[3], "?") {
			one.body = ""
			for _, name := range parameter.FindAllStringSubmatch(strings.ReplaceAll(found[3], " ", ""), -1) {
				one.params = append(one.params, name[1])
			}
		}
		all = append(all, one)
	}
	if slices.Contains([]string{"import.md", "webhooks.md"}, filepath.Base(page)) {
		return all // plans as messages and as lines of a file
	}
	for _, at := range wholePlan.FindAllStringIndex(text, -1) {
		var plan struct{ Kind string }
		var body json.RawMessage
		if json.NewDecoder(strings.NewReader(text[at[0]:])).Decode(&body) == nil && json.Unmarshal(body, &plan) == nil && plan.Kind != "" {
			all = append(all, request{page: page, method: http.MethodPost, path: "/v1/plans", body: string(body)})
		}
	}
	return all
}

// takes sends a request and fails on a field that does not exist.
func (s *surface) takes(shown request) {
	s.t.Helper()
	require.NotContains(s.t, s.answerTo(shown), "there is no such field", "%s: %s %s %s", shown.page, shown.method, shown.path, shown.body)
}

// answerTo sends a request about existing objects. A body that only names its fields is sent with
// null for each field.
func (s *surface) answerTo(shown request) string {
	s.t.Helper()
	id := "ada"
	if strings.HasPrefix(shown.path, "/v1/plans/") || strings.HasPrefix(shown.path, "/v1/charges/") {
		plan := s.activePlan("order-" + rand.Text())
		id = string(plan)
		if strings.HasPrefix(shown.path, "/v1/charges/") {
			charges, err := s.store.PlanCharges(s.t.Context(), plan)
			require.NoError(s.t, err)
			id = string(charges[1].ID)
		}
	}
	body := ellipsis.ReplaceAllString(shown.body, "null")
	if !json.Valid([]byte(body)) {
		fields := map[string]any{}
		for _, name := range fieldName.FindAllStringSubmatch(body, -1) {
			fields[name[1]] = nil
		}
		named, err := json.Marshal(fields)
		require.NoError(s.t, err)
		body = string(named)
	}
	a := s.api(shown.method, strings.Replace(shown.path, "{id}", id, 1), body)
	require.NotEqual(s.t, http.StatusMethodNotAllowed, a.status)
	require.NotContains(s.t, string(a.body), "not a JSON object", body)
	return string(a.body)
}
