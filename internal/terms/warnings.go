package terms

import "tranche/internal/money"

// Warnings lists what a merchant should know before selling a plan in a currency; nil when there is
// nothing.
func Warnings(currency money.Currency) []string {
	if currency != "inr" {
		return nil
	}
	// Source: docs.stripe.com/india-recurring-payments, "Off-session payments".
	return []string{
		"cards issued in India can be charged off-session only under an e-mandate, and Tranche registers none: " +
			"expect banks to decline later charges, so that customers must confirm each payment",
	}
}
