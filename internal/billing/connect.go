package billing

// Connect holds the parameters of Stripe Connect for each payment of a plan. Amounts are minor
// units, per charge. Source: docs.stripe.com/connect/charges.
type Connect struct {
	OnBehalfOf            string `json:"on_behalf_of,omitempty"`            // acct_… whose name and country the payment is in
	ApplicationFee        int64  `json:"application_fee,omitempty"`         // kept by the platform of each charge
	ApplicationFeePercent string `json:"application_fee_percent,omitempty"` // the same as a share, such as "2.5"
	TransferDestination   string `json:"transfer_destination,omitempty"`    // acct_… that the money goes to
	TransferAmount        int64  `json:"transfer_amount,omitempty"`         // of each charge; 0 means all of it
}
