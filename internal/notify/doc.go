// Package notify turns notices into mails and delivers them.
//
// Render takes the texts of a notice from internal/locale, in the customer's language, and formats
// them as text and HTML. compose.go decides what each kind of notice contains; one template for
// each form decides the layout, unless the merchant has templates. SMTP delivers mails to a server
// over pooled connections. Kept keeps mails in the outbox when no server is set.
//
// A mail contains no client secret, and no card data except brand, last four digits and expiry. It
// loads nothing from the network and does not report that it was read.
package notify
