package plaintext

import (
	"strings"
	"unicode/utf8"
)

// LineProblem returns why s can't be stored as a line of text, or "". Both databases refuse the
// same texts: PostgreSQL accepts neither NUL nor invalid UTF-8. Control characters, line separators
// and marks that change the direction of writing are refused because they alter what a terminal or
// a mail shows (CWE-150).
func LineProblem(s string) string {
	if strings.ContainsAny(s, "\n\t") {
		return "contains control characters"
	}
	return Problem(s)
}

// Problem is LineProblem for text of several lines, which may contain line ends and tabs.
func Problem(s string) string {
	if !utf8.ValidString(s) {
		return "is not UTF-8 text"
	}
	for _, r := range strings.ReplaceAll(s, "\r\n", "\n") {
		if problem := runeProblem(r); problem != "" && r != '\n' && r != '\t' {
			return problem
		}
	}
	return ""
}

// runeProblem returns why a character is refused in every text, or "".
func runeProblem(r rune) string {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0:
		return "contains control characters"
	case r == '\u2028', r == '\u2029':
		return "contains line separators (U+2028 or U+2029)"
	case isDirection(r):
		return "contains marks that change the direction of writing (U+202A to U+202E, U+2066 to U+2069)"
	}
	return ""
}

// isDirection reports whether r embeds, overrides or isolates the direction of the text after it.
func isDirection(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// Clean makes s acceptable to Problem. It is for text that can't be refused because it
// comes from Stripe or a browser: NULs and direction marks are dropped, invalid UTF-8 becomes
// U+FFFD, and every other refused character becomes a blank.
func Clean(s string) string {
	if Problem(s) == "" {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case r == 0, isDirection(r), r == '\r':
			return -1
		case r == '\n', r == '\t', runeProblem(r) == "":
			return r
		}
		return ' '
	}, s)
}

// CleanLine makes s one line that LineProblem accepts, without leading, trailing or repeated
// blanks, of at most a number of characters. A no-break space is kept because it belongs to an
// amount.
func CleanLine(s string, most int) string {
	s = strings.NewReplacer("\r", " ", "\n", " ", "\t", " ").Replace(Clean(s))
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
	if utf8.RuneCountInString(s) > most {
		return string([]rune(s)[:most-1]) + "…"
	}
	return s
}
