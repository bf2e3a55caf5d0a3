package stripegw

import (
	"bytes"
	"encoding/json"
)

// scrubMark replaces a client secret. It is a JSON string.
const scrubMark = `"[scrubbed]"`

// scrubbed returns a copy of a JSON document without its client secrets: the value of every key
// client_secret, and every string that contains "_secret_", such as a return URL. Everything else
// keeps its bytes and order, and the result is valid JSON. doc must be valid.
func scrubbed(doc []byte) []byte {
	if !mayHoldSecret(doc) {
		return bytes.Clone(doc)
	}
	s := scrubber{in: doc, out: make([]byte, 0, len(doc))}
	for s.pos < len(doc) {
		s.step()
	}
	return s.out
}

// mayHoldSecret is a quick check that errs on the safe side: \u00 could encode any of the letters.
func mayHoldSecret(doc []byte) bool {
	return bytes.Contains(doc, []byte("client_secret")) ||
		bytes.Contains(doc, []byte("_secret_")) ||
		bytes.Contains(doc, []byte(`\u00`))
}

// scrubber copies a document string by string. It parses as little as possible, because Stripe
// waits for the response to an event while the event is scrubbed.
type scrubber struct {
	in, out []byte
	pos     int
}

// step copies up to the next string, and then the string or its replacement.
func (s *scrubber) step() {
	i := bytes.IndexByte(s.in[s.pos:], '"')
	if i < 0 {
		s.copyTo(len(s.in))
		return
	}
	s.copyTo(s.pos + i)
	end := stringEnd(s.in, s.pos)
	text := unquoted(s.in[s.pos:end])
	colon := skipSpace(s.in, end)
	switch {
	case colon < len(s.in) && s.in[colon] == ':':
		s.copyTo(skipSpace(s.in, colon+1))
		if string(text) == "client_secret" {
			s.replaceTo(valueEnd(s.in, s.pos))
		}
	case bytes.Contains(text, []byte("_secret_")):
		s.replaceTo(end)
	default:
		s.copyTo(end)
	}
}

func (s *scrubber) copyTo(end int) {
	s.out = append(s.out, s.in[s.pos:end]...)
	s.pos = end
}

// replaceTo replaces a value with the mark; null reveals nothing and is kept.
func (s *scrubber) replaceTo(end int) {
	if s.in[s.pos] == 'n' {
		s.copyTo(end)
		return
	}
	s.out = append(s.out, scrubMark...)
	s.pos = end
}

// stringEnd returns the index after the string that starts at i.
func stringEnd(doc []byte, i int) int {
	for i++; i < len(doc); i++ {
		switch doc[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(doc)
}

// skipSpace returns the index of the next byte that is not white space.
func skipSpace(doc []byte, i int) int {
	for i < len(doc) && bytes.IndexByte([]byte(" \t\r\n"), doc[i]) >= 0 {
		i++
	}
	return i
}

// valueEnd returns the index after the value that starts at i.
func valueEnd(doc []byte, i int) int {
	depth := 0
	for i < len(doc) {
		switch doc[i] {
		case '"':
			i = stringEnd(doc, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth < 0 { // the end of the object or list around the value
			return i
		}
		i++
		if depth == 0 && endsValue(doc, i) {
			return i
		}
	}
	return len(doc)
}

// endsValue reports whether a value that may end at i does end there: a number or word continues
// until a separator.
func endsValue(doc []byte, i int) bool {
	return i >= len(doc) || bytes.IndexByte([]byte(",]} \t\r\n"), doc[i]) >= 0
}

// unquoted returns the text of a string. A string without escapes, the common case, needs no
// decoding.
func unquoted(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		return quoted // not reached for valid JSON
	}
	return []byte(text)
}
