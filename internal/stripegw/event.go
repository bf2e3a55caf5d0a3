package stripegw

import (
	"encoding/json"
	"errors"
	"fmt"

	"tranche/internal/billing"
)

// Errors of ParseEvent. Compare with errors.Is.
var (
	// ErrNotJSON: the body is not JSON.
	ErrNotJSON = errors.New("webhook body is not JSON")
	// ErrNotEvent: the body is JSON, but no Stripe event.
	ErrNotEvent = errors.New("webhook body is not a Stripe event")
)

// wireEvent is the part of an event that is read. Everything else is fetched anew when the event is handled.
type wireEvent struct {
	ID         string  `json:"id"`
	Object     string  `json:"object"`
	Type       string  `json:"type"`
	Created    seconds `json:"created"`
	APIVersion string  `json:"api_version"`
	Livemode   bool    `json:"livemode"`
	Account    ref     `json:"account"`
	Data       struct {
		Object ref `json:"object"`
	} `json:"data"`
}

// ParseEvent reads an event as Stripe sends it, of any API version. It sets ID, Type, ObjectID (empty for an object
// without one, such as a balance), Account, APIVersion, Livemode, CreatedAt and Payload: the body with every client
// secret replaced, in memory of its own. The caller sets the rest. Errors: ErrNotJSON, ErrNotEvent.
func ParseEvent(payload []byte) (billing.Event, error) {
	var w wireEvent
	if err := json.Unmarshal(payload, &w); err != nil {
		return billing.Event{}, eventError(err)
	}
	switch {
	case w.Object != "" && w.Object != "event":
		return billing.Event{}, fmt.Errorf("%w: object is %.40q", ErrNotEvent, w.Object)
	case w.ID == "" || w.Type == "":
		return billing.Event{}, fmt.Errorf("%w: it has no id or no type", ErrNotEvent)
	}
	return billing.Event{
		ID:         w.ID,
		Type:       w.Type,
		ObjectID:   string(w.Data.Object),
		Account:    string(w.Account),
		APIVersion: w.APIVersion,
		Livemode:   w.Livemode,
		Payload:    scrubbed(payload),
		CreatedAt:  unixTime(w.Created),
	}, nil
}

// eventError names the fault without quoting the body.
func eventError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%w: %q is a %s", ErrNotEvent, wrong.Field, wrong.Value)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w: at byte %d", ErrNotJSON, syntax.Offset)
	}
	return ErrNotJSON
}
