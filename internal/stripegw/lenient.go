package stripegw

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
)

// The types below accept variants of Stripe's format. Fakes and gateways in other languages send
// times with fractions and return a form's numbers as text, and one odd field must not make the
// whole object unreadable.

// number is a whole number, which may also be written as 12.0 or "12".
type number int64

// UnmarshalJSON refuses a fraction: an amount must not be rounded.
func (n *number) UnmarshalJSON(data []byte) error {
	value, err := parseNumber(data)
	if err != nil || value != math.Trunc(value) {
		return wrongType[int64](data)
	}
	*n = number(value)
	return nil
}

// seconds is a time; a fraction is dropped.
type seconds int64

// UnmarshalJSON accepts the formats of parseNumber.
func (s *seconds) UnmarshalJSON(data []byte) error {
	value, err := parseNumber(data)
	if err != nil {
		return wrongType[float64](data)
	}
	*s = seconds(value)
	return nil
}

// wrongType returns the error of encoding/json for a value of another type: it names the field, and
// not the value.
func wrongType[T any](data []byte) error {
	kinds := map[byte]string{'"': "string", '{': "object", '[': "array", 't': "bool", 'f': "bool"}
	kind, ok := kinds[data[0]]
	if !ok {
		kind = "number"
	}
	return &json.UnmarshalTypeError{Value: kind, Type: reflect.TypeFor[T]()}
}

// maxExact bounds the whole numbers that a float64 represents exactly.
const maxExact = 1 << 53

// parseNumber parses a number, a quoted number, or null, which is 0.
func parseNumber(data []byte) (float64, error) {
	text := string(bytes.Trim(data, `"`))
	if text == "null" || text == "" {
		return 0, nil
	}
	value, err := strconv.ParseFloat(text, 64)
	if err == nil && math.Abs(value) > maxExact || math.IsNaN(value) {
		err = strconv.ErrRange
	}
	return value, err
}

// texts is metadata. Stripe's values are strings; other values are kept as JSON text, and null is
// dropped.
type texts map[string]string

// UnmarshalJSON reads anything but an object as empty metadata, such as the [] that PHP writes for
// an empty map.
func (t *texts) UnmarshalJSON(data []byte) error {
	var values map[string]json.RawMessage
	if json.Unmarshal(data, &values) != nil || values == nil {
		*t = nil
		return nil //nolint:nilerr // metadata that can't be read is no reason to lose the object
	}
	*t = make(texts, len(values))
	for key, value := range values {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		if string(value) != "null" {
			(*t)[key] = text
		}
	}
	return nil
}

// wireCharge is a charge, or only its id if it was not expanded.
type wireCharge struct {
	id             string
	paymentMethod  string
	amountRefunded int64
	disputed       bool
	blocked        bool // by Radar: the issuer was not asked (docs.stripe.com/declines, outcome.type)
}

// UnmarshalJSON accepts the formats of ref.
func (c *wireCharge) UnmarshalJSON(data []byte) error {
	var id ref
	if err := json.Unmarshal(data, &id); err != nil {
		return err
	}
	*c = wireCharge{id: string(id)}
	if data[0] != '{' {
		return nil
	}
	var whole struct {
		PaymentMethod  ref    `json:"payment_method"`
		AmountRefunded number `json:"amount_refunded"`
		Disputed       bool   `json:"disputed"`
		Outcome        struct {
			Type string `json:"type"`
		} `json:"outcome"`
	}
	if err := json.Unmarshal(data, &whole); err != nil {
		return err
	}
	c.paymentMethod, c.amountRefunded, c.disputed = string(whole.PaymentMethod), int64(whole.AmountRefunded), whole.Disputed
	c.blocked = whole.Outcome.Type == "blocked"
	return nil
}
