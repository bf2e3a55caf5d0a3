// Package plaintext defines which texts are accepted from outside, and how text that can't be
// refused is cleaned. Texts that it accepts can be stored by both databases and shown on a
// terminal.
package plaintext
