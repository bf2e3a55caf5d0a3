package stripesim

// checks returns how the card's data compare with the bank's: null if no data was sent, unchecked
// before the first use.
func (p *paymentMethod) checks() object {
	address, _ := p.billing["address"].(object)
	return object{
		"address_line1_check":       p.check(address["line1"] != nil, p.card.line1Check),
		"address_postal_code_check": p.check(address["postal_code"] != nil, p.card.postalCheck),
		"cvc_check":                 p.check(p.hasCVC, p.card.cvcCheck),
	}
}

func (p *paymentMethod) check(given bool, result string) any {
	switch {
	case !given:
		return nil
	case !p.checked:
		return "unchecked"
	case result == "":
		return "pass"
	}
	return result
}

// chargedChecks returns the checks of a charge. The security code is not stored, so it is checked
// only once.
func (p *paymentMethod) chargedChecks() object {
	again := p.checked
	p.checked = true
	out := p.checks()
	if again {
		out["cvc_check"] = nil
	}
	return out
}
