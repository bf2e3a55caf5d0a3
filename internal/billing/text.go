package billing

import (
	"strings"
	"unicode/utf8"
)

// LineProblem reports why s can't be kept as a text of one line, or "". The same texts are refused
// on both databases: PostgreSQL takes neither a NUL nor bytes that are not UTF-8. Control
// characters, line separators and marks that turn the direction of writing are refused because they
// rewrite what a terminal or a mail shows (CWE-150).
func LineProblem(s string) string {
	if strings.ContainsAny(s, "\n\t") {
		return "holds control characters"
	}
	return TextProblem(s)
}

// TextProblem is LineProblem for a text of several lines: it may hold line ends and tabs.
func TextProblem(s string) string {
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

// runeProblem reports why a character is kept in no text, or "".
func runeProblem(r rune) string {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0:
		return "holds control characters"
	case r == '\u2028', r == '\u2029':
		return "holds line separators (U+2028 or U+2029)"
	case isDirection(r):
		return "holds marks that turn the direction of writing (U+202A to U+202E, U+2066 to U+2069)"
	}
	return ""
}

// isDirection reports whether r embeds, overrides or isolates the direction of what follows.
func isDirection(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// CleanText returns s as a text that TextProblem takes, for what can't be refused because it comes
// from Stripe or a browser: NULs and marks of direction are dropped, bytes that are not UTF-8
// become U+FFFD, and every other character that is refused becomes a blank.
func CleanText(s string) string {
	if TextProblem(s) == "" {
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

// CleanLine returns s as one line that LineProblem takes, without blanks at its ends or in a row,
// of at most so many characters. A no-break space stays: it belongs to an amount.
func CleanLine(s string, most int) string {
	s = strings.NewReplacer("\r", " ", "\n", " ", "\t", " ").Replace(CleanText(s))
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
	if utf8.RuneCountInString(s) > most {
		return string([]rune(s)[:most-1]) + "…"
	}
	return s
}
