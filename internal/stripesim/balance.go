package stripesim

// settlingTime is how long a payment is pending, in seconds.
const settlingTime = 2 * 24 * 3600

// movement returns the fields that every balance transaction has.
func movement(id, kind, category, source, currency string, amount, fee, created int64) object {
	return object{
		"id": id, "object": "balance_transaction", "amount": amount, "available_on": created + settlingTime, "created": created,
		"currency": currency, "description": nil, "exchange_rate": nil, "fee": fee, "fee_details": []any{}, "net": amount - fee,
		"reporting_category": category, "source": source, "status": "pending", "type": kind,
	}
}

func stripeFee(amount int64, currency, description string) []any {
	return []any{object{"amount": amount, "application": nil, "currency": currency, "description": description, "type": "stripe_fee"}}
}

// balanceTransaction renders the movement of money behind a payment or a refund; nil if the id is
// unknown.
func (s *Server) balanceTransaction(id string) object {
	for _, one := range s.state.charges.oldestFirst() {
		if one.balanceTransaction == id {
			return one.movement()
		}
	}
	for _, one := range s.state.refunds.oldestFirst() {
		switch id {
		case one.balanceTransaction:
			return one.movement(id, "refund", -one.amount)
		case one.failureTransaction:
			return one.movement(id, "refund_failure", one.amount)
		}
	}
	return nil
}

func (c *charge) movement() object {
	fee := c.captured*29/1000 + 30
	out := movement(c.balanceTransaction, "charge", "charge", c.id, c.currency, c.captured, fee, c.created)
	out["description"], out["fee_details"] = orNull(c.description), stripeFee(fee, c.currency, "Stripe processing fees")
	if c.fingerprintOf.available {
		out["available_on"], out["status"] = c.created, "available"
	}
	return out
}

func (r *refund) movement(id, kind string, amount int64) object {
	out := movement(id, kind, kind, r.id, r.currency, amount, 0, r.created)
	if kind == "refund" {
		out["description"] = "REFUND FOR CHARGE"
	}
	return out
}

// disputeFee is Stripe's fee for a dispute, in minor units.
const disputeFee = 1500

// withdraw takes the disputed amount and the fee from the balance.
func (d *dispute) withdraw(id string) {
	out := movement(id, "adjustment", "dispute", d.id, d.currency, -d.amount, disputeFee, d.created)
	out["description"], out["fee_details"] = "Chargeback withdrawal for "+d.charge, stripeFee(disputeFee, d.currency, "Dispute fee")
	d.movements = append(d.movements, out)
}

// withdrawn reports whether the dispute holds the money: taken, and not returned.
func (d *dispute) withdrawn() bool { return len(d.movements) == 1 }

// reinstate returns the amount of a dispute that was won.
func (d *dispute) reinstate(id string, now int64) {
	out := movement(id, "adjustment", "dispute_reversal", d.id, d.currency, d.amount, 0, now)
	out["description"] = "Chargeback reversal for " + d.charge
	d.movements = append(d.movements, out)
}

// getBalance sums payments less refunds, by currency. The money is pending, except from cards that
// bypass the pending balance.
func (s *Server) getBalance(*call) (any, *apiError) {
	waiting, ready := map[string]int64{}, map[string]int64{}
	for _, one := range s.state.charges.oldestFirst() {
		sums := waiting
		if one.fingerprintOf.available {
			sums = ready
		}
		waiting[one.currency] += 0
		sums[one.currency] += one.captured - one.refunded
	}
	pending, available := []any{}, []any{}
	for _, code := range sortedKeys(waiting, s.opts.Account.DefaultCurrency) {
		pending = append(pending, balanceOf(code, waiting[code]))
		available = append(available, balanceOf(code, ready[code]))
	}
	return object{"object": "balance", "available": available, "livemode": false, "pending": pending}, nil
}

func balanceOf(currency string, amount int64) object {
	return object{"amount": amount, "currency": currency, "source_types": object{"card": amount}}
}
