// Package notify turns notices into mails and delivers them.
//
// Render finds the words of a notice in internal/locale, in the customer's language, and lays them out as text and as HTML:
// compose.go says what each kind of notice says, and one template for each form how it looks, unless the merchant has
// templates of their own. SMTP hands mails to a server over connections that it keeps; Kept keeps mails to be read here, when
// no server is set.
//
// A mail holds no client secret and no card data but brand, last four digits and expiry. It loads nothing from anywhere and
// tells nobody that it was read.
package notify
