package billing

// Secret is a string that must not be printed, logged or stored: a PaymentIntent's client secret.
// It formats as "[secret]" everywhere. Only Reveal reads it, which makes every use easy to find.
type Secret string

// Reveal returns the secret itself. Give it only to the customer it belongs to.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret from %v, %s and loggers.
func (s Secret) String() string { return "[secret]" }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return "[secret]" }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
