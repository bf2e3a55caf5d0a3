package notify

import "tranche/internal/plaintext"

// maxText limits text from outside, in characters.
const maxText = 300

// oneLine makes text from outside fit for a line of a mail.
func oneLine(s string) string { return plaintext.CleanLine(s, maxText) }
