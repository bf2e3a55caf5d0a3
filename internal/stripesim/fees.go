package stripesim

// application is the platform's application id in its application fees.
const application = "ca_TrancheSimulator"

// payOut adds the results of the PaymentIntent's Connect parameters to a paid charge: the transfer
// to another account, and the platform's fee.
func (s *Server) payOut(intent *paymentIntent, made *charge) {
	if intent.transfer != nil {
		made.transfer = s.random.id("tr_3")
	}
	if intent.fee > 0 {
		made.applicationFee, made.fee = s.random.id("fee_1"), intent.fee
	}
}

// applicationFee renders the fee with that id; nil if there is none.
func (s *Server) applicationFee(id string) object {
	for _, one := range s.state.charges.oldestFirst() {
		if one.applicationFee == id {
			return s.feeView(one)
		}
	}
	return nil
}

func (s *Server) feeView(of *charge) object {
	account := of.destination()
	if account == "" {
		account = s.opts.Account.ID
	}
	return object{
		"id": of.applicationFee, "object": "application_fee", "account": account, "amount": of.fee, "amount_refunded": of.feeRefunded,
		"application": application, "balance_transaction": nil, "charge": of.id, "created": of.created, "currency": of.currency,
		"livemode": false, "originating_transaction": nil, "refunded": of.feeRefunded >= of.fee,
		"refunds": list("/v1/application_fees/"+of.applicationFee+"/refunds", nil, false),
	}
}

// destination returns the account that a destination charge pays; "" for other charges.
func (c *charge) destination() string {
	to, _ := c.transferData["destination"].(string)
	return to
}

// refundFee refunds the part of the fee that belongs to a refund.
func (c *charge) refundFee(amount int64) {
	if c.refunded >= c.captured {
		c.feeRefunded = c.fee
		return
	}
	c.feeRefunded += c.fee * amount / c.captured
}
