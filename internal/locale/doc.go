// Package locale holds the words that customers read, in each language, and writes amounts and
// dates as they do.
//
// A language is a file in messages: adding one is adding a file. Its name is the language's tag
// (de.toml, or pt-PT.toml for what one region says otherwise, which then holds every text). A text
// is plain, with words in braces that are filled in: "{brand} ending in {last4}". A text that
// depends on a number is a table with CLDR's plural categories as keys:
//
//	days = {one = "in {n} day", other = "in {n} days"}
//
// So no section may have a key called zero, one, two, few, many, other, id, hash, description or
// translation.
//
// Dates, numbers and plurals follow CLDR, by libraries. What is filled in is not escaped: templates
// do that.
package locale
