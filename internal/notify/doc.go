// Package notify turns notices into mails and delivers them.
//
// Render writes a notice's text from a template, with amounts and dates as the customer writes them. SMTP hands mails
// to a server; Kept keeps them to be read here, when no server is set.
//
// Mails are plain text in English. A mail holds no client secret and no card data but the last four digits.
package notify
