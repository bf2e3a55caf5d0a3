package billing

// Secret is a string that must not be printed, logged or stored: a PaymentIntent's client secret.
// It formats as "[secret]" everywhere; Reveal is the one way to read it, and easy to search for.
type Secret string

// Reveal returns the secret itself. Hand it to the customer it belongs to and to nobody else.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret from %v, %s and loggers.
func (s Secret) String() string { return "[secret]" }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return "[secret]" }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
