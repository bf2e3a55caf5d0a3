package billing

// Warnings lists what a merchant should know of a plan in a currency before it is sold; nil when
// there is nothing.
func Warnings(currency Currency) []string {
	if currency != "inr" {
		return nil
	}
	// Source: docs.stripe.com/india-recurring-payments, "Off-session payments".
	return []string{
		"cards issued in India are charged off-session under an e-mandate alone, and Tranche registers none: " +
			"expect the bank to decline later charges, and the customer to confirm each payment",
	}
}
