package stripegw

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/plaintext"
)

// Errors of ParseEvent. Compare with errors.Is.
var (
	// ErrNotJSON: the body is not JSON.
	ErrNotJSON = errors.New("webhook body is not JSON")
	// ErrNotEvent: the body is JSON, but not a Stripe event.
	ErrNotEvent = errors.New("webhook body is not a Stripe event")
)

// wireEvent holds the fields that are read of an event. Everything else is fetched from Stripe when
// the event is handled.
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

// ParseEvent parses an event of any API version. It sets ID, Type, ObjectID (empty for an object
// without an id, such as a balance), Account, APIVersion, Livemode, CreatedAt and Payload: a copy
// of the body with every client secret replaced and every text cleaned (see billing.CleanJSON), so
// that no event is lost because a database refuses its text. The id, type and account decide how
// the event is handled, so invalid ones are refused instead of cleaned. The caller sets the other
// fields. Errors: ErrNotJSON, ErrNotEvent.
func ParseEvent(payload []byte) (billing.Event, error) {
	var w wireEvent
	if err := json.Unmarshal(payload, &w); err != nil {
		return billing.Event{}, eventError(err)
	}
	if problem := w.problem(); problem != "" {
		return billing.Event{}, fmt.Errorf("%w: %s", ErrNotEvent, problem)
	}
	return billing.Event{
		ID:         w.ID,
		Type:       w.Type,
		ObjectID:   plaintext.CleanLine(string(w.Data.Object), maxWord),
		Account:    string(w.Account),
		APIVersion: plaintext.CleanLine(w.APIVersion, maxWord),
		Livemode:   w.Livemode,
		Payload:    scrubbed(plaintext.CleanJSON(payload)),
		CreatedAt:  unixTime(w.Created),
	}, nil
}

// maxWord bounds an id or a type, in characters.
const maxWord = 255

// problem returns why it can't be an event of Stripe's, or "".
func (w wireEvent) problem() string {
	switch {
	case w.Object != "" && w.Object != "event":
		return fmt.Sprintf("object is %.40q", w.Object)
	case !isWord(w.ID):
		return fmt.Sprintf("id %.40q of type %.60q is not a valid id", w.ID, w.Type)
	case !isWord(w.Type):
		return fmt.Sprintf("type %.60q of %s is not a valid type", w.Type, w.ID)
	case w.Account != "" && !billing.IsAccount(string(w.Account)):
		return fmt.Sprintf("account %.40q of %s, %s, is not the id of a connected account (acct_…)", w.Account, w.ID, w.Type)
	}
	return ""
}

// isWord reports whether s is printable ASCII without blanks, as ids and types are.
func isWord(s string) bool {
	return s != "" && len(s) <= maxWord && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// eventError describes the fault without quoting the body.
func eventError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%w: %q is a %s", ErrNotEvent, wrong.Field, wrong.Value)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w: at byte %d", ErrNotJSON, syntax.Offset)
	}
	return ErrNotJSON
}
