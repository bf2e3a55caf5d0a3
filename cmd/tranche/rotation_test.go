package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

// The keys of the rotation.
const (
	firstSecretKey  = "first-secret-key-of-32-characters"
	secondSecretKey = "second-secret-key-of-32-characters"
	thirdSecretKey  = "third-secret-key-of-32-characters"
	secondAPIKey    = "second-api-key-of-the-rig-for-tests"
)

// rotation is a merchant whose keys are rotated: successive serve processes on one database, an
// endpoint that receives messages, and a customer's link.
type rotation struct {
	*rig
	t        *testing.T
	serving  *process
	receiver *httptest.Server
	endpoint string
	link     string
	plans    int

	mu      sync.Mutex
	secrets map[string]string // of endpoints, by path
	taken   []string          // path and plan's reference of messages that verified
}

// TestRotation follows SECURITY.md's steps for TRANCHE_SECRET_KEY and TRANCHE_API_KEY, and then
// loses the key.
func TestRotation(t *testing.T) {
	t.Parallel()
	r := &rotation{t: t, rig: newRig(t, 1, "DATABASE_URL=sqlite:"+filepath.Join(t.TempDir(), "tranche.db"), "TRANCHE_WEBHOOK_ALLOW_PRIVATE=true",
		"STRIPE_PUBLISHABLE_KEY=pk_test_rig")}
	r.secrets = map[string]string{}
	r.receiver = httptest.NewServer(r)
	t.Cleanup(r.receiver.Close)
	r.env = append(r.env, "TRANCHE_BASE_URL="+r.gate.URL)

	r.restart(firstSecretKey, rigAPIKey)
	r.endpoint = r.addEndpoint("/hook")
	r.delivers(rigAPIKey)
	r.makeLink()

	r.restart(firstSecretKey+","+secondSecretKey, secondAPIKey+","+rigAPIKey) // with several processes: each knows the new key first
	r.delivers(rigAPIKey)
	r.delivers(secondAPIKey)
	r.requireDoctor(`secrets +ok +1 secrets of endpoints are sealed with the newest key`)

	r.restart(secondSecretKey+","+firstSecretKey, secondAPIKey)
	r.delivers(secondAPIKey)
	require.Equal(t, http.StatusUnauthorized, r.status("/v1/plans", rigAPIKey))
	r.requireDoctor(`secrets +warn +1 of 1 secrets of endpoints are sealed with an older key +run tranche secret reseal`)
	code, said := r.command("secret", "reseal")
	require.Equal(t, exitOK, code, said)
	require.Contains(t, said, "1 secrets sealed with the newest key")
	r.delivers(secondAPIKey)

	r.restart(secondSecretKey, secondAPIKey)
	r.delivers(secondAPIKey)
	r.requireDoctor(`secrets +ok +1 secrets of endpoints are sealed with the newest key`)
	for _, d := range r.deliveries() {
		require.Equal(t, 1, d.Attempts, "each message was taken at its first try: %+v", d)
	}

	r.loseKey()
	r.serving.stop(t)
	r.requireNoSecrets(t)
	for _, p := range r.all {
		for _, key := range []string{firstSecretKey, secondSecretKey, thirdSecretKey, secondAPIKey, r.secrets["/hook"], r.secrets["/other"]} {
			require.NotContains(t, p.said.String(), key, p.name)
		}
	}
}

// loseKey restarts with a key that opens nothing: the alarm is raised, another endpoint still gets
// messages, and one rotation fixes the fault.
func (r *rotation) loseKey() {
	r.restart(thirdSecretKey, secondAPIKey)
	r.addEndpoint("/other")
	reference := r.makePlan(secondAPIKey)
	r.awaits("/other", reference)
	require.NoError(r.t, eventually(r.t.Context(), settleTime, func() error {
		if !slices.ContainsFunc(r.deliveries(), func(d rotatedDelivery) bool { return strings.Contains(d.LastError, "another TRANCHE_SECRET_KEY") }) {
			return errors.New("no delivery names the reason")
		}
		return nil
	}))
	r.requireDoctor(`secrets +fail +no key opens the secret of 1 endpoints, which get no messages: ` + r.endpoint)
	require.NoError(r.t, eventually(r.t.Context(), settleTime, func() error {
		_, answer, err := r.send(r.t.Context(), http.MethodGet, "http://"+r.serving.admin+"/readyz", http.Header{}, "")
		if err == nil && !strings.Contains(string(answer), "endpoints_unsigned") {
			err = fmt.Errorf("readyz answers %s", answer)
		}
		return err
	}))
	code, said := r.command("endpoint", "rotate", r.endpoint, "--json")
	require.Equal(r.t, exitOK, code, said)
	var made struct{ Secret string }
	require.NoError(r.t, json.NewDecoder(strings.NewReader(said)).Decode(&made))
	r.mu.Lock()
	r.secrets["/hook"] = made.Secret
	r.mu.Unlock()
	r.awaits("/hook", reference)
	r.opens()
}

// restart ends the serve process and starts another with these keys.
func (r *rotation) restart(secretKeys, apiKeys string) {
	if r.serving != nil {
		r.serving.stop(r.t)
	}
	r.env = append(r.env, "TRANCHE_SECRET_KEY="+secretKeys, "TRANCHE_API_KEY="+apiKeys)
	var err error
	r.serving, err = r.serve(r.t.Context())
	require.NoError(r.t, err)
}

// ServeHTTP is the endpoint: it accepts only messages that verify.
func (r *rotation) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	var message struct {
		Data struct{ Plan struct{ Reference string } }
	}
	verifier, err := standardwebhooks.NewWebhook(r.secrets[req.URL.Path])
	if err != nil || verifier.Verify(body, req.Header) != nil || json.Unmarshal(body, &message) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.taken = append(r.taken, req.URL.Path+" "+message.Data.Plan.Reference)
}

// addEndpoint adds an endpoint at a path of the receiver and returns its id.
func (r *rotation) addEndpoint(path string) string {
	code, said := r.command("endpoint", "add", r.receiver.URL+path, "--types", "plan.created", "--json")
	require.Equal(r.t, exitOK, code, said)
	var made struct{ ID, Secret string }
	require.NoError(r.t, json.NewDecoder(strings.NewReader(said)).Decode(&made))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets[path] = made.Secret
	return made.ID
}

// makePlan creates a plan with an API key and returns its reference.
func (r *rotation) makePlan(apiKey string) string {
	r.plans++
	reference := fmt.Sprintf("order-%d", r.plans)
	header := http.Header{"Authorization": {"Bearer " + apiKey}, "Content-Type": {"application/json"}}
	status, answer, err := r.send(r.t.Context(), http.MethodPost, r.gate.URL+"/v1/plans", header, installments(reference, "usd", 9000, 3, "1 month"))
	require.NoError(r.t, err)
	require.Equal(r.t, http.StatusCreated, status, "%s", answer)
	return reference
}

// delivers requires that the endpoint accepts the message of a new plan, and that the link opens.
func (r *rotation) delivers(apiKey string) {
	r.awaits("/hook", r.makePlan(apiKey))
	r.opens()
}

// awaits requires that the endpoint at a path accepts the message of a plan.
func (r *rotation) awaits(path, reference string) {
	require.NoError(r.t, eventually(r.t.Context(), settleTime, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !slices.Contains(r.taken, path+" "+reference) {
			return fmt.Errorf("%s took no message of %s", path, reference)
		}
		return nil
	}))
}

func (r *rotation) makeLink() {
	code, said := r.command("link", "create", "order-1", "--json")
	require.Equal(r.t, exitOK, code, said)
	var made struct{ URL string }
	require.NoError(r.t, json.NewDecoder(strings.NewReader(said)).Decode(&made))
	r.link = made.URL
}

// opens requires that the customer's link opens the page.
func (r *rotation) opens() {
	if r.link != "" {
		status, _, err := r.send(r.t.Context(), http.MethodGet, r.link, http.Header{}, "")
		require.NoError(r.t, err)
		require.Equal(r.t, http.StatusOK, status)
	}
}

func (r *rotation) status(path, apiKey string) int {
	status, _, err := r.send(r.t.Context(), http.MethodGet, r.gate.URL+path, http.Header{"Authorization": {"Bearer " + apiKey}}, "")
	require.NoError(r.t, err)
	return status
}

// rotatedDelivery is the JSON of a delivery to the endpoint.
type rotatedDelivery struct {
	Attempts  int
	LastError string `json:"last_error"`
}

// deliveries lists the deliveries, newest first.
func (r *rotation) deliveries() []rotatedDelivery {
	code, said := r.command("delivery", "list", "--json")
	require.Equal(r.t, exitOK, code, said)
	var list struct{ Data []rotatedDelivery }
	require.NoError(r.t, json.NewDecoder(strings.NewReader(said)).Decode(&list))
	require.NotEmpty(r.t, list.Data)
	return list.Data
}

// requireDoctor requires a line of doctor's table.
func (r *rotation) requireDoctor(line string) {
	_, said := r.command("doctor")
	require.Regexp(r.t, `(?m)^`+line, said)
}

// command runs a command with the settings of the serve process, and returns its output.
func (r *rotation) command(args ...string) (int, string) {
	env := map[string]string{}
	for _, setting := range r.env {
		name, value, _ := strings.Cut(setting, "=")
		env[name] = value
	}
	var out, talk heard
	code := run(r.t.Context(), args, func(name string) string { return env[name] }, strings.NewReader(""), &out, &talk)
	if code != exitOK {
		r.t.Logf("tranche %s: %s", strings.Join(args, " "), talk.bytes())
	}
	return code, string(out.bytes())
}

var _ http.Handler = (*rotation)(nil)
