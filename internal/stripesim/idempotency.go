package stripesim

import (
	"fmt"
	"maps"
	"net/url"
	"sync"
	"time"
)

// maxKeyLength is Stripe's limit on an idempotency key, in bytes.
const maxKeyLength = 255

// savedKey is one idempotency key: in progress until done.
type savedKey struct {
	path, params string
	created      time.Time
	done         bool
	out          answer
}

// keyStore is Stripe's idempotency layer.
type keyStore struct {
	lifetime time.Duration
	now      func() time.Time

	mu   sync.Mutex
	keys map[string]*savedKey
}

func newKeyStore(lifetime time.Duration, now func() time.Time) *keyStore {
	return &keyStore{lifetime: lifetime, now: now, keys: map[string]*savedKey{}}
}

// begin claims the request's key. It returns the stored response of an earlier request with the
// same key, or an error if the key can't be used.
func (k *keyStore) begin(c *call) (*answer, *apiError) {
	if c.key == "" {
		return nil, nil
	}
	if len(c.key) > maxKeyLength {
		return nil, invalid("", "Idempotency keys must be no longer than 255 characters.").notSaved()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	known, ok := k.keys[c.key]
	if !ok || known.done && now.Sub(known.created) >= k.lifetime {
		k.keys[c.key] = &savedKey{path: c.path, params: c.raw, created: now}
		return nil, nil
	}
	if err := known.mismatch(c); err != nil {
		return nil, err
	}
	if !known.done {
		return nil, keyInUse(c.key)
	}
	return known.replay(), nil
}

func (k *savedKey) mismatch(c *call) *apiError {
	if k.path != c.path {
		return newError(400, "idempotency_error", "", fmt.Sprintf("Keys for idempotent requests can only be used for the same endpoint they were "+
			"first used for ('%s' vs '%s'). Try using a key other than '%s' if you meant to execute a different request.",
			c.path, k.path, c.key)).notSaved()
	}
	if k.params != c.raw {
		return newError(400, "idempotency_error", "", fmt.Sprintf("Keys for idempotent requests can only be used with the same parameters they "+
			"were first used with. Try using a key other than '%s' if you meant to execute a different request.", c.key)).notSaved()
	}
	return nil
}

func (k *savedKey) replay() *answer {
	out := k.out
	out.header = maps.Clone(out.header)
	out.header["Idempotent-Replayed"] = "true"
	return &out
}

// finish stores the response under the key.
func (k *keyStore) finish(c *call, out answer) {
	if c.key == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.keys[c.key]; ok {
		known.done, known.out = true, out
		known.out.header = maps.Clone(out.header)
	}
}

// release forgets the key, as after a request that never began executing.
func (k *keyStore) release(c *call) {
	if c.key == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.keys, c.key)
}

// view lists the keys for the control surface.
func (k *keyStore) view() []any {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := []any{}
	for key, saved := range k.keys {
		out = append(out, object{
			"key": key, "path": saved.path, "created": saved.created.Unix(), "done": saved.done, "status": int64(saved.out.status),
		})
	}
	return out
}

func keyInUse(key string) *apiError {
	return newError(409, "idempotency_error", "idempotency_key_in_use", fmt.Sprintf("There is currently another in-progress request using this "+
		"Idempotent Key (that probably means you submitted twice, and the other request is still going through): %s. Please try again later.",
		key)).notSaved()
}

// canonical sorts a form, so that the order of its parameters does not matter.
func canonical(raw string) string {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return raw
	}
	return values.Encode()
}
