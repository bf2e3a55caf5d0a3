package testenv

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync"
)

// HostileTexts returns texts as attackers, broken encoders and unusual browsers send them. Some are
// not valid text. A header can contain them; a JSON document can contain them as encoded by
// JSONText.
func HostileTexts() []string {
	return []string{
		"", " ", "\x00", "a\x00b", "\xff\xfe", "Ger\xe4t", "caf\xc3", "\xed\xa0\x80", "\uFFFD",
		"acct_x\r\nX-Y: z", "a\rb", "a\nb", "a\tb", "\x1b[2J", "\u009b2J", "\u009d0;pwn\u009c", "\x7f",
		"\u202eevil", "\u2066a\u2069", "a\u2028b", "a\u2029b", "\u200f", "e\u0301", "👩‍👩‍👧",
		strings.Repeat("k", 10_000), strings.Repeat("é", 5_000), "a@" + strings.Repeat("d", 10_000) + ".example",
		"'; DROP TABLE plans; --", "<script>alert(1)</script>", "{{.}}", "%00", "../../etc/passwd", "null",
	}
}

// HostileValues returns JSON values of every type, to be used where another type is expected. Its
// strings are HostileTexts, and strings that only JSON can express.
func HostileValues() []string {
	values := []string{
		`null`, `true`, `0`, `-1`, `7`, `1.5`, `1e400`, `9223372036854775807`, `9223372036854775808`, `[]`, `[[]]`, `{}`, `{"id":7}`, `{"":""}`,
		`"\u0000"`, `"\ud800"`, `"\udc00\ud800"`, `"\uFFFD"`, `"\u0085"`, `"\u202e"`,
		strings.Repeat("[", 500) + strings.Repeat("]", 500),
	}
	for _, s := range HostileTexts() {
		values = append(values, JSONText(s))
	}
	return values
}

// JSONText encodes s as a JSON string and keeps bytes that are not UTF-8, which json.Marshal does
// not.
func JSONText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ':
			b.WriteString(`\u00`)
			b.WriteByte("0123456789abcdef"[c>>4])
			b.WriteByte("0123456789abcdef"[c&15])
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// corpus is the input of Hostile, made once, because a test may need a million documents.
var corpus = sync.OnceValues(func() (texts, values []string) { return HostileTexts(), HostileValues() })

// Hostile returns doc with one to three of its values or names replaced by hostile ones. The same
// random numbers make the same document. doc must be JSON.
func Hostile(rng *rand.Rand, doc string) string {
	texts, values := corpus()
	for range 1 + rng.IntN(3) {
		spans := scalars(doc)
		if len(spans) == 0 {
			return doc
		}
		at := spans[rng.IntN(len(spans))]
		value := values[rng.IntN(len(values))]
		if at.name {
			value = JSONText(texts[rng.IntN(len(texts))])
		}
		doc = doc[:at.from] + value + doc[at.to:]
	}
	return doc
}

// span is the position of a value or a field's name in a document.
type span struct {
	from, to int
	name     bool
}

// scalars finds every value that is not an object or a list, and every name.
func scalars(doc string) []span {
	var spans []span
	dec := json.NewDecoder(strings.NewReader(doc))
	dec.UseNumber()
	for {
		from := int(dec.InputOffset())
		token, err := dec.Token()
		if err != nil {
			return spans
		}
		if _, ok := token.(json.Delim); ok {
			continue
		}
		to := int(dec.InputOffset())
		from += len(doc[from:to]) - len(strings.TrimLeft(doc[from:to], " \t\r\n,:"))
		rest := bytes.TrimLeft([]byte(doc[to:]), " \t\r\n")
		spans = append(spans, span{from, to, len(rest) > 0 && rest[0] == ':'})
	}
}
