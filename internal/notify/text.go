package notify

import "strings"

// maxText bounds what others wrote, in characters.
const maxText = 300

// oneLine makes what others wrote fit for a line of a mail: no line ends, no control characters, none that turn the
// direction of writing, and no more than maxText.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029':
			return ' '
		case r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, s)
	s = collapse(s)
	if runes := []rune(s); len(runes) > maxText {
		return string(runes[:maxText-1]) + "…"
	}
	return s
}

// collapse makes blanks in a row one, and takes them off the ends. A no-break space stays: it belongs to an amount.
func collapse(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
}
