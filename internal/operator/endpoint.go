package operator

import (
	"context"
	"fmt"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
	"tranche/internal/message"
)

// bothSecretsFor is how long (in real time) a rotated secret signs together with the new one.
const bothSecretsFor = 24 * time.Hour

// Endpoints manages the merchant's endpoints. Its methods return *billing.InvalidError for invalid
// arguments, *NotSetUpError, *EndpointDisabledError, and errors of the store: billing.ErrNotFound,
// billing.ErrConflict, billing.ErrUnavailable.
type Endpoints struct {
	Store billing.WebhookStore
	Clock clock.Clock
	// NewSecret makes a signing secret.
	NewSecret func() billing.Secret
	Keys      Keyring
	// CheckURL returns an error if messages can't be posted to a URL. The error text completes "the
	// URL …".
	CheckURL func(raw string) error
}

// NotSetUpError reports that a required setting is missing.
type NotSetUpError struct{ Err error }

// Error names the setting.
func (e *NotSetUpError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *NotSetUpError) Unwrap() error { return e.Err }

// EndpointDisabledError reports that an endpoint is disabled, so that nothing can be sent to it.
type EndpointDisabledError struct{ ID billing.EndpointID }

// Error names the endpoint and the remedy.
func (e *EndpointDisabledError) Error() string {
	return fmt.Sprintf("endpoint %s is disabled: enable it first", e.ID)
}

// EndpointChange is a change of an endpoint; nil fields stay as they are.
type EndpointChange struct {
	URL    *string
	Types  *billing.TypeFilter
	Status *billing.EndpointStatus
}

// Add adds an endpoint, enabled, and returns its secret, which can't be read again.
func (o *Endpoints) Add(ctx context.Context, url string, types billing.TypeFilter) (billing.Endpoint, billing.Secret, error) {
	if err := o.check(url, types); err != nil {
		return billing.Endpoint{}, "", err
	}
	there, err := o.Store.Endpoints(ctx)
	if err != nil {
		return billing.Endpoint{}, "", err
	}
	if len(there) >= billing.MaxEndpoints {
		return billing.Endpoint{}, "", fault("url", fmt.Sprintf("there are %d endpoints already, which is the most: delete one", len(there)))
	}
	now := o.Clock.Now()
	e := billing.Endpoint{
		ID: billing.NewEndpointID(now), URL: url, Types: types, Status: billing.EndpointEnabled, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	secret := o.NewSecret()
	if e.Secret, err = o.seal(e.ID, secret); err != nil {
		return billing.Endpoint{}, "", err
	}
	return e, secret, o.Store.InsertEndpoint(ctx, e, addedEntry(e))
}

// Change changes an endpoint. Enabling an endpoint clears the reason why it was disabled. Disabling
// an endpoint that was disabled by failures marks it as disabled on request, which ends the alarm.
func (o *Endpoints) Change(ctx context.Context, id billing.EndpointID, c EndpointChange) (billing.Endpoint, error) {
	e, err := o.Store.Endpoint(ctx, id)
	if err != nil {
		return e, err
	}
	if c.URL != nil {
		e.URL = *c.URL
	}
	if c.Types != nil {
		e.Types = *c.Types
	}
	if err := o.check(e.URL, e.Types); err != nil && (c.URL != nil || c.Types != nil) {
		return e, err
	}
	now := o.Clock.Now()
	if c.Status != nil {
		switch *c.Status {
		case billing.EndpointEnabled:
			e.DisabledAt = time.Time{}
		case billing.EndpointDisabled:
			e.DisabledAt = now
		default:
			return e, fault("status", fmt.Sprintf("%.40q is neither enabled nor disabled", string(*c.Status)))
		}
		e.Status, e.Reason, e.FailingSince = *c.Status, "", time.Time{}
	}
	e.UpdatedAt = now
	return o.update(ctx, e, changedEntry(e, c))
}

// Rotate gives an endpoint a new secret, and returns it. The old secret signs too for a day. If no
// key opens the old secret, it is dropped, and the secret before it, which signed instead, signs
// until it expires.
func (o *Endpoints) Rotate(ctx context.Context, id billing.EndpointID) (billing.Endpoint, billing.Secret, error) {
	e, err := o.Store.Endpoint(ctx, id)
	if err != nil {
		return e, "", err
	}
	secret, now := o.NewSecret(), o.Clock.Now()
	switch seen := o.look(e); {
	case seen.secrets[0].opens():
		e.OldSecret, e.OldUntil = e.Secret, now.Add(o.Clock.Simulated(bothSecretsFor))
	case !seen.secrets[1].opens():
		e.OldSecret, e.OldUntil = "", time.Time{}
	}
	if e.Secret, err = o.seal(id, secret); err != nil {
		return e, "", err
	}
	e.UpdatedAt = now
	err = o.Store.UpdateEndpointSecrets(ctx, e, rotatedEntry(e))
	e.Version++
	return e, secret, err
}

// Delete deletes an endpoint, and everything owed to it.
func (o *Endpoints) Delete(ctx context.Context, id billing.EndpointID) error {
	e, err := o.Store.Endpoint(ctx, id)
	if err != nil {
		return err
	}
	return o.Store.DeleteEndpoint(ctx, id, deletedEntry(e, o.Clock.Now()))
}

// Replay sends a delivery again.
func (o *Endpoints) Replay(ctx context.Context, id billing.DeliveryID) (billing.WebhookDelivery, error) {
	out, err := o.Store.Outgoing(ctx, id)
	if err != nil {
		return out.Delivery, err
	}
	if out.Endpoint.Status != billing.EndpointEnabled {
		return out.Delivery, &EndpointDisabledError{out.Endpoint.ID}
	}
	now := o.Clock.Now()
	if err := o.Store.ReplayDelivery(ctx, id, now, replayedEntry(out, now)); err != nil {
		return out.Delivery, err
	}
	out, err = o.Store.Outgoing(ctx, id)
	return out.Delivery, err
}

// ReplaySince sends an endpoint the messages since a time that it has not accepted, or all of them
// if delivered is set, and returns their number.
func (o *Endpoints) ReplaySince(ctx context.Context, id billing.EndpointID, since time.Time, delivered bool) (int, error) {
	e, err := o.Store.Endpoint(ctx, id)
	if err != nil {
		return 0, err
	}
	if e.Status != billing.EndpointEnabled {
		return 0, &EndpointDisabledError{id}
	}
	replay, now := billing.Replay{Endpoint: e, Since: since, Delivered: delivered}, o.Clock.Now()
	return o.Store.ReplayDeliveries(ctx, replay, now, replayedSinceEntry(replay, now))
}

func (o *Endpoints) check(url string, types billing.TypeFilter) error {
	if err := o.CheckURL(url); err != nil {
		return fault("url", err.Error())
	}
	return message.CheckFilter("types", types)
}

func (o *Endpoints) update(ctx context.Context, e billing.Endpoint, entry billing.AuditEntry) (billing.Endpoint, error) {
	err := o.Store.UpdateEndpoint(ctx, e, entry)
	e.Version++
	return e, err
}

func fault(field, message string) error {
	return &billing.InvalidError{Fields: []billing.FieldError{{Field: field, Message: message}}}
}
