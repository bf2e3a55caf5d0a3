package operator_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/notify/webhook"
	"tranche/internal/operator"
	"tranche/internal/store/storetest"
)

const (
	oldKey  = "an-old-key-of-32-characters-0000"
	newKey  = "a-new-key-of-32-characters-00000"
	lostKey = "a-lost-key-of-32-characters-0000"
)

// endpointsUnder returns a manager of a store's endpoints with these keys, newest first.
func endpointsUnder(t *testing.T, s billing.WebhookStore, at *time.Time, keys ...string) *operator.Endpoints {
	t.Helper()
	ring, err := webhook.NewKeyring(keys...)
	require.NoError(t, err)
	return &operator.Endpoints{
		Store: s, Clock: clock.New(time.Time{}, 0, func() time.Time { return *at }), NewSecret: webhook.NewSecret, Keys: ring,
		CheckURL: func(string) error { return nil },
	}
}

// eachHookStore runs a test on both engines, at a time that it can change.
func eachHookStore(t *testing.T, test func(t *testing.T, s billing.WebhookStore, at *time.Time)) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		hooks, ok := s.(billing.WebhookStore)
		require.True(t, ok)
		at := now
		test(t, hooks, &at)
	})
}

// secretsOf returns the secrets that sign for an endpoint, opened.
func secretsOf(t *testing.T, o *operator.Endpoints, id billing.EndpointID) []string {
	t.Helper()
	e, err := o.Store.Endpoint(t.Context(), id)
	require.NoError(t, err)
	var opened []string
	for _, sealed := range e.ValidSecrets(o.Clock.Now()) {
		secret, _, err := o.Keys.Open(id, sealed)
		require.NoError(t, err)
		opened = append(opened, secret.Reveal())
	}
	return opened
}

func nothing(int, int) {}

func TestReseal_OldKeyCanBeDropped(t *testing.T) {
	eachHookStore(t, func(t *testing.T, s billing.WebhookStore, at *time.Time) {
		under := func(keys ...string) *operator.Endpoints { return endpointsUnder(t, s, at, keys...) }
		e, first, err := under(oldKey).Add(t.Context(), "https://shop.example/", nil)
		require.NoError(t, err)
		stale, _, err := under(oldKey).Add(t.Context(), "https://stale.example/", nil)
		require.NoError(t, err)
		_, _, err = under(oldKey).Rotate(t.Context(), stale.ID)
		require.NoError(t, err)
		*at = at.Add(25 * time.Hour)
		_, second, err := under(oldKey).Rotate(t.Context(), e.ID)
		require.NoError(t, err)

		both := under(newKey, oldKey)
		want := operator.SealedSecrets{Older: 3, Expired: 1}
		for range 2 { // a look changes nothing
			found, err := both.Sealed(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, found)
		}
		var steps []int
		found, err := both.Reseal(t.Context(), func(done, of int) { steps = append(steps, done, of) })
		require.NoError(t, err)
		require.Equal(t, want, found)
		require.Equal(t, []int{1, 2, 2, 2}, steps)
		found, err = both.Reseal(t.Context(), nothing)
		require.NoError(t, err)
		require.Equal(t, operator.SealedSecrets{Newest: 3}, found, "a second time there is nothing to do")
		require.Equal(t, []string{second.Reveal(), first.Reveal()}, secretsOf(t, under(newKey), e.ID))
	})
}

// TestReseal_IsInTheAuditTrail requires one entry for each changed endpoint, with the person who
// ran the command as actor.
func TestReseal_IsInTheAuditTrail(t *testing.T) {
	eachHookStore(t, func(t *testing.T, s billing.WebhookStore, at *time.Time) {
		e, _, err := endpointsUnder(t, s, at, oldKey).Add(t.Context(), "https://shop.example/", nil)
		require.NoError(t, err)
		_, _, err = endpointsUnder(t, s, at, oldKey).Rotate(t.Context(), e.ID)
		require.NoError(t, err)
		*at = at.Add(25 * time.Hour)
		ctx := billing.ActingAs(t.Context(), billing.Party{Actor: "cli:ada@ops1"})
		for range 2 { // the second time changes nothing, and writes nothing
			_, err = endpointsUnder(t, s, at, newKey, oldKey).Reseal(ctx, nothing)
			require.NoError(t, err)
		}
		trail, ok := s.(billing.Store)
		require.True(t, ok)
		entries, err := trail.AuditTrail(t.Context(), billing.AuditFilter{Actor: "cli:ada@ops1"})
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.Equal(t, "endpoint.secret_resealed", entries[0].Action)
		require.Equal(t, string(e.ID), entries[0].Subject)
		require.True(t, at.Equal(entries[0].At))
		require.Equal(t, "endpoint "+string(e.ID)+" has its secrets sealed with the newest key (1); its expired secret was removed", entries[0].Message)
	})
}

func TestReseal_UnopenedIsNamedAndLeft(t *testing.T) {
	eachHookStore(t, func(t *testing.T, s billing.WebhookStore, at *time.Time) {
		lost, _, err := endpointsUnder(t, s, at, lostKey).Add(t.Context(), "https://lost.example/", nil)
		require.NoError(t, err)
		*at = at.Add(time.Second)
		e, secret, err := endpointsUnder(t, s, at, oldKey).Add(t.Context(), "https://shop.example/", nil)
		require.NoError(t, err)
		both := endpointsUnder(t, s, at, newKey, oldKey)
		found, err := both.Reseal(t.Context(), nothing)
		require.NoError(t, err)
		require.Equal(t, operator.SealedSecrets{Older: 1, Unopened: []billing.Endpoint{lost}, Silent: []billing.Endpoint{lost}}, found)
		require.Equal(t, []string{secret.Reveal()}, secretsOf(t, endpointsUnder(t, s, at, newKey), e.ID))
		left, err := s.Endpoint(t.Context(), lost.ID)
		require.NoError(t, err)
		require.Equal(t, lost, left, "its key may come back")

		off := billing.EndpointDisabled
		_, err = both.Change(t.Context(), lost.ID, operator.EndpointChange{Status: &off})
		require.NoError(t, err)
		found, err = both.Sealed(t.Context())
		require.NoError(t, err)
		require.Len(t, found.Unopened, 1)
		require.Empty(t, found.Silent, "nothing is owed to it")
	})
}

// TestRotate_UnopenedSecret requires that one rotation is enough after a key was lost.
func TestRotate_UnopenedSecret(t *testing.T) {
	eachHookStore(t, func(t *testing.T, s billing.WebhookStore, at *time.Time) {
		e, _, err := endpointsUnder(t, s, at, lostKey).Add(t.Context(), "https://lost.example/", nil)
		require.NoError(t, err)
		o := endpointsUnder(t, s, at, newKey)
		rotated, secret, err := o.Rotate(t.Context(), e.ID)
		require.NoError(t, err)
		require.Empty(t, rotated.OldSecret)
		require.Zero(t, rotated.OldUntil)
		require.Equal(t, []string{secret.Reveal()}, secretsOf(t, o, e.ID))
		found, err := o.Sealed(t.Context())
		require.NoError(t, err)
		require.Equal(t, operator.SealedSecrets{Newest: 1}, found)

		rotated, _, err = o.Rotate(t.Context(), e.ID)
		require.NoError(t, err)
		require.Equal(t, at.Add(24*time.Hour), rotated.OldUntil, "what opens signs for a day")
	})
}

// TestRotate_OldSecretSignedInItsPlace requires that the old secret, which signs while the newest
// does not open, continues to sign.
func TestRotate_OldSecretSignedInItsPlace(t *testing.T) {
	eachHookStore(t, func(t *testing.T, s billing.WebhookStore, at *time.Time) {
		o := endpointsUnder(t, s, at, newKey)
		e, first, err := o.Add(t.Context(), "https://shop.example/", nil)
		require.NoError(t, err)
		_, _, err = endpointsUnder(t, s, at, lostKey, newKey).Rotate(t.Context(), e.ID)
		require.NoError(t, err)
		until := at.Add(24 * time.Hour)
		*at = at.Add(time.Hour)
		rotated, third, err := o.Rotate(t.Context(), e.ID)
		require.NoError(t, err)
		require.Equal(t, until, rotated.OldUntil)
		require.Equal(t, []string{third.Reveal(), first.Reveal()}, secretsOf(t, o, e.ID))
	})
}

// TestReseal_BesideARotation requires that a rotation between the read and the write is kept.
func TestReseal_BesideARotation(t *testing.T) {
	eachHookStore(t, func(t *testing.T, s billing.WebhookStore, at *time.Time) {
		e, first, err := endpointsUnder(t, s, at, oldKey).Add(t.Context(), "https://shop.example/", nil)
		require.NoError(t, err)
		gone, _, err := endpointsUnder(t, s, at, oldKey).Add(t.Context(), "https://gone.example/", nil)
		require.NoError(t, err)
		var second billing.Secret
		between := &interrupted{WebhookStore: s, then: func() {
			_, second, err = endpointsUnder(t, s, at, oldKey).Rotate(t.Context(), e.ID)
			require.NoError(t, err)
			require.NoError(t, s.DeleteEndpoint(t.Context(), gone.ID))
		}}
		found, err := endpointsUnder(t, between, at, newKey, oldKey).Reseal(t.Context(), nothing)
		require.NoError(t, err)
		require.Equal(t, operator.SealedSecrets{Older: 2}, found)
		require.Equal(t, []string{second.Reveal(), first.Reveal()}, secretsOf(t, endpointsUnder(t, s, at, newKey), e.ID))
	})
}

// interrupted is a store that calls a function after endpoints were listed.
type interrupted struct {
	billing.WebhookStore
	then func()
}

// Endpoints implements billing.WebhookStore.
func (i *interrupted) Endpoints(ctx context.Context) ([]billing.Endpoint, error) {
	list, err := i.WebhookStore.Endpoints(ctx)
	i.then()
	return list, err
}
