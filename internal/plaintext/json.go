package plaintext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"tranche/internal/billing"
)

// JSONFaults returns the strings of a JSON document that Problem refuses, by their path such as
// customer.name or charges[1].due. Names of fields are checked too. If the document is not valid
// JSON, only the part before the error is checked.
func JSONFaults(doc []byte) []billing.FieldError {
	w := textWalk{doc: doc, dec: json.NewDecoder(bytes.NewReader(doc))}
	for w.next() {
	}
	return w.faults
}

// maxFaults bounds how many faults are reported.
const maxFaults = 20

// textWalk reads a document token by token and tracks its position.
type textWalk struct {
	doc    []byte
	dec    *json.Decoder
	nest   []nested
	faults []billing.FieldError
}

// nested is an object or list that the walk is in.
type nested struct {
	list  bool
	index int    // of a list's value
	name  string // of an object's field; "" while its name is read
	named bool   // the next token is the field's value
}

// next reads one token, and reports whether another may follow.
func (w *textWalk) next() bool {
	from := w.dec.InputOffset()
	token, err := w.dec.Token()
	if err != nil || len(w.faults) >= maxFaults {
		return false
	}
	switch token := token.(type) {
	case json.Delim:
		w.delim(token)
	case string:
		w.text(token, w.doc[from:w.dec.InputOffset()])
	default:
		w.passed()
	}
	return true
}

func (w *textWalk) delim(d json.Delim) {
	if d == '{' || d == '[' {
		w.nest = append(w.nest, nested{list: d == '['})
		return
	}
	w.nest = w.nest[:len(w.nest)-1]
	w.passed()
}

// text checks a string or a field's name. raw is its spelling in the document, because the decoder
// replaces invalid text with U+FFFD.
func (w *textWalk) text(s string, raw []byte) {
	name := len(w.nest) > 0 && !w.nest[len(w.nest)-1].list && !w.nest[len(w.nest)-1].named
	if name {
		w.nest[len(w.nest)-1].name = s
	}
	problem := Problem(s)
	if !utf8.Valid(raw) || halved(s, raw) {
		problem = "is not UTF-8 text"
	}
	if problem != "" {
		w.faults = append(w.faults, billing.FieldError{Field: w.path(), Message: problem})
	}
	if name {
		w.nest[len(w.nest)-1].named = true
		return
	}
	w.passed()
}

// halved reports whether an escape in s is half of a surrogate pair.
func halved(s string, raw []byte) bool {
	replaced := strings.Count(s, "\uFFFD")
	return replaced > 0 && replaced > bytes.Count(raw, []byte("\uFFFD"))+bytes.Count(bytes.ToLower(raw), []byte(`\ufffd`))
}

// passed records the end of a value.
func (w *textWalk) passed() {
	if len(w.nest) == 0 {
		return
	}
	in := &w.nest[len(w.nest)-1]
	in.named, in.index = false, in.index+1
}

// path returns the path of the current value.
func (w *textWalk) path() string {
	var b strings.Builder
	for i, n := range w.nest {
		switch {
		case n.list:
			fmt.Fprintf(&b, "[%d]", n.index)
		case i > 0:
			b.WriteString("." + shownName(n.name))
		default:
			b.WriteString(shownName(n.name))
		}
	}
	if b.Len() == 0 {
		return "body"
	}
	return b.String()
}

// maxName bounds the names of fields in a path, in characters.
const maxName = 200

// shownName returns a field's name, quoted and shortened if it is at fault itself.
func shownName(name string) string {
	if len(name) > maxName || LineProblem(name) != "" {
		return strconv.Quote(CleanLine(name, maxName))
	}
	return name
}

// CleanJSON cleans every string of a third-party JSON document with Clean. A document without
// faults, or one that is not valid JSON, is returned as it is.
func CleanJSON(doc []byte) []byte {
	if !bytes.Contains(doc, []byte(`\u`)) && Problem(string(doc)) == "" || !json.Valid(doc) {
		return doc
	}
	out := make([]byte, 0, len(doc))
	for {
		i := bytes.IndexByte(doc, '"')
		if i < 0 {
			return append(out, doc...)
		}
		end := i + stringLength(doc[i:])
		out = append(out, doc[:i]...)
		out = append(out, cleanQuoted(doc[i:end])...)
		doc = doc[end:]
	}
}

// stringLength returns the length of the JSON string at the start of doc.
func stringLength(doc []byte) int {
	for i := 1; i < len(doc); i++ {
		switch doc[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(doc)
}

// cleanQuoted cleans one JSON string.
func cleanQuoted(quoted []byte) []byte {
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return quoted // not reached for valid JSON
	}
	clean := Clean(s)
	if clean == s && utf8.Valid(quoted) && !halved(s, quoted) {
		return quoted
	}
	again, err := json.Marshal(clean)
	if err != nil {
		return quoted // a string can always be written
	}
	return again
}
